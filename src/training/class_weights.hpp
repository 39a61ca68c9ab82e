// What each class's rows count for in the loss.
#pragma once

#include <cstddef>
#include <vector>

#include "plan/batch.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

// By class index; empty where every class counts once. rows: those trained on. Throws Error(data) for
// class weights without classes, unknown names, and weights below 0 or not finite.
std::vector<double> class_weights_for(const Dataset& data, const Batch& rows, const ClassWeights& wanted);

// How many of the rows are of each class.
std::vector<std::size_t> rows_by_class(const Batch& rows, std::size_t classes);

}  // namespace ztilde
