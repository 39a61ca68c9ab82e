// A tensor of an ONNX file in memory, with every promise of the file held against the bytes there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "onnx/onnx_pb.h"

namespace ztilde::onnx_import {

using Dims = std::vector<std::int64_t>;

struct Tensor {
  Dims dims;
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>> numbers;

  std::size_t size() const;
  bool is_whole() const { return std::holds_alternative<std::vector<std::int64_t>>(numbers); }
  double number(std::size_t index) const;
  // Of a tensor of whole numbers.
  const std::vector<std::int64_t>& whole() const { return std::get<std::vector<std::int64_t>>(numbers); }
};
using TensorPointer = std::shared_ptr<const Tensor>;

// The product of dimensions, or kTooMany for a negative one or more than kMostElements elements.
constexpr std::size_t kMostElements = std::size_t{1} << 40, kTooMany = kMostElements + 1;
std::size_t elements_of(const Dims& dims);

// folder: of the model, where external data may lie; empty: there is none. Throws Error(data) that begins
// with `where` for strings, for what is not there, and for more or fewer numbers than the dimensions ask for.
Tensor read_tensor(const ::onnx::TensorProto& proto, const std::string& folder, const std::string& where);

}  // namespace ztilde::onnx_import
