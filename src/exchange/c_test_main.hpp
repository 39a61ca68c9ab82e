// The main program of a C source's own test.
#pragma once

#include <string>

#include "ztilde/model.hpp"

namespace ztilde::c_export {

// Runs the model's test rows, or some that are made up where it has none, and compares. '$' stands for what
// all names begin with, `upper` is the same for macros.
std::string self_test_source(const Model& model, const std::string& upper);

}  // namespace ztilde::c_export
