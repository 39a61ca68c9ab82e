#include "training/class_weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::data, message); }

std::size_t source_row(const Batch& rows, std::size_t r) { return rows.row_index ? rows.row_index[r] : r; }

std::vector<double> balanced(const Batch& rows, std::size_t classes) {
  std::vector<double> sums(classes), weights(classes, 1.0);
  double sum = 0, occurring = 0;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const std::size_t row = source_row(rows, r);
    sums[static_cast<std::size_t>(rows.targets[row])] += rows.weights ? double{rows.weights[row]} : 1.0;
  }
  for (const double of_class : sums) {
    sum += of_class;
    occurring += of_class > 0 ? 1 : 0;
  }
  for (std::size_t c = 0; c < classes; ++c) {
    if (sums[c] > 0) weights[c] = sum / (occurring * sums[c]);
  }
  return weights;
}

}  // namespace

std::vector<double> class_weights_for(const Dataset& data, const Batch& rows, const ClassWeights& wanted) {
  if (!wanted.balanced && wanted.given.empty()) return {};
  if (data.task == Task::regress)
    refuse("the target is numbers, and class weights need classes; leave them out");
  if (wanted.balanced && !wanted.given.empty())
    refuse("class weights are either balanced or given; choose one");
  if (wanted.balanced) return balanced(rows, data.classes.size());

  std::vector<double> weights(data.classes.size(), 1.0);
  for (const auto& [name, weight] : wanted.given) {
    const auto found = std::ranges::find(data.classes, name);
    if (found == data.classes.end()) {
      refuse(fmt::format("a class weight is given for '{}', which is no class of the target{}",
                         printable(name), did_you_mean(name, data.classes)));
    }
    if (!(std::isfinite(weight) && weight >= 0))
      refuse(fmt::format("the class weight of '{}' is {}; weights are 0 or more", printable(name), weight));
    weights[static_cast<std::size_t>(found - data.classes.begin())] = weight;
  }
  return weights;
}

std::vector<std::size_t> rows_by_class(const Batch& rows, std::size_t classes) {
  std::vector<std::size_t> counts(classes);
  for (std::size_t r = 0; classes > 0 && r < rows.rows; ++r) {
    ++counts[static_cast<std::size_t>(rows.targets[source_row(rows, r)])];
  }
  return counts;
}

}  // namespace ztilde
