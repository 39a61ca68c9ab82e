// What must hold of a model before it is saved and after it is loaded. Errors name no file.
#pragma once

#include "ztilde/model.hpp"

namespace ztilde::model_file {

// Throws Error(data) unless the arrays fit the network, names and classes fit its inputs and
// outputs, every number is finite and no variance is negative (positive for Standardise, where
// 1 stands for a constant column: there is no epsilon).
void check_model(const Model& model);
// Its two halves: what code that works with a model relies on, and what its numbers must be.
void check_structure(const Model& model);
void check_numbers(const Model& model);

// Throws Error(data) unless outputs(model, test_inputs) is test_outputs within
// kTestRowTolerance · (1 + |output|). Processors round differently; a wrong model differs by more.
void check_test_rows(const Model& model);
inline constexpr double kTestRowTolerance = 1e-4;

}  // namespace ztilde::model_file
