// What a graph works out of constants alone: the shapes that exporters compute, weights that they transpose.
#include <fmt/format.h>

#include <algorithm>

#include "onnx/import_operators.hpp"

namespace ztilde::onnx_import {
namespace {

const std::vector<std::int64_t>& whole_list(Walk& walk, const Node& node, std::size_t input,
                                            const char* what) {
  const TensorPointer tensor = walk.constant(node, input, what);
  if (!tensor->is_whole() || tensor->dims.size() > 1) {
    node.refuse(
        fmt::format("its {} is no list of whole numbers; ztilde works that out for shapes only", what));
  }
  return tensor->whole();
}

double result_of(const Node& node, double a, double b) {
  if (node.operation() == "Add") return a + b;
  if (node.operation() == "Sub") return a - b;
  return node.operation() == "Mul" ? a * b : a / b;
}

}  // namespace

void convert_constant(Walk& walk, const Node& node) {
  if (const ::onnx::TensorProto* proto = node.tensor("value")) {
    return walk.set(node, std::make_shared<const Tensor>(walk.read(*proto, node)));
  }
  auto tensor = std::make_shared<Tensor>();
  if (const auto list = node.wholes("value_ints")) {
    tensor->numbers = *list;
  } else if (const auto reals = node.reals("value_floats")) {
    tensor->numbers = *reals;
  } else if (node.has("value_int")) {
    tensor->numbers = std::vector<std::int64_t>{node.whole("value_int", 0)};
  } else if (node.has("value_float")) {
    tensor->numbers = std::vector<float>{static_cast<float>(node.real("value_float", 0))};
  } else {
    node.refuse(
        "its value is none of value, value_int, value_ints, value_float and value_floats; ztilde reads "
        "these");
  }
  if (node.has("value_ints") || node.has("value_floats"))
    tensor->dims = {static_cast<std::int64_t>(tensor->size())};
  walk.set(node, tensor);
}

void convert_concat(Walk& walk, const Node& node) {
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (walk.is_flow(node, i))
      node.refuse("it puts branches side by side; ztilde brings branches together by adding them");
  }
  std::vector<std::int64_t> all;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    const std::vector<std::int64_t>& list = whole_list(walk, node, i, "input");
    all.insert(all.end(), list.begin(), list.end());
  }
  auto tensor = std::make_shared<Tensor>();
  tensor->dims = {static_cast<std::int64_t>(all.size())};
  tensor->numbers = std::move(all);
  walk.set(node, tensor);
}

void convert_gather(Walk& walk, const Node& node) {
  if (walk.is_flow(node, 0))
    node.refuse("it picks out of what comes of the rows; ztilde has no layer for that");
  const std::vector<std::int64_t> list = whole_list(walk, node, 0, "input");
  const TensorPointer places = walk.constant(node, 1, "places");
  if (node.whole("axis", 0) != 0) node.refuse("axis is not 0; ztilde works this out for shapes only");
  std::vector<std::int64_t> picked;
  for (std::int64_t place : whole_list(walk, node, 1, "places")) {
    if (place < 0) place += std::ssize(list);
    if (place < 0 || place >= std::ssize(list))
      node.refuse(fmt::format("its place {} is not there; the file is damaged", place));
    picked.push_back(list[static_cast<std::size_t>(place)]);
  }
  auto tensor = std::make_shared<Tensor>();
  tensor->dims = places->dims;
  tensor->numbers = std::move(picked);
  walk.set(node, tensor);
}

void convert_expand(Walk& walk, const Node& node) {
  if (walk.is_flow(node, 0)) node.refuse("it repeats what comes of the rows; ztilde has no layer for that");
  const TensorPointer tensor = walk.constant(node, 0, "input");
  const Dims& dims = whole_list(walk, node, 1, "shape");
  if (tensor->size() == elements_of(dims)) return walk.set(node, tensor);
  if (tensor->size() != 1 || elements_of(dims) == kTooMany)
    node.refuse("it repeats a list; ztilde works this out for single numbers only");
  walk.require_numbers(elements_of(dims), node);
  auto repeated = std::make_shared<Tensor>();
  repeated->dims = dims;
  std::visit(
      [&](const auto& list) {
        repeated->numbers = std::remove_cvref_t<decltype(list)>(elements_of(dims), list[0]);
      },
      tensor->numbers);
  walk.set(node, repeated);
}

bool convert_constants(Walk& walk, const Node& node) {
  if (node.inputs() != 2 || walk.is_flow(node, 0) || walk.is_flow(node, 1)) return false;
  const TensorPointer a = walk.constant(node, 0, "input"), b = walk.constant(node, 1, "input");
  if (a->is_whole() || b->is_whole() || (a->dims != b->dims && a->size() != 1 && b->size() != 1)) {
    node.refuse(
        "ztilde works this out for numbers of one shape, or with a single one; let the exporter fold "
        "constants");
  }
  const Tensor& shape = a->size() == 1 && b->dims.size() > a->dims.size() ? *b : b->size() == 1 ? *a : *b;
  std::vector<double> numbers(shape.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = result_of(node, a->number(a->size() == 1 ? 0 : i), b->number(b->size() == 1 ? 0 : i));
  }
  auto tensor = std::make_shared<Tensor>();
  tensor->dims = shape.dims;
  tensor->numbers = std::move(numbers);
  walk.set(node, tensor);
  return true;
}

}  // namespace ztilde::onnx_import
