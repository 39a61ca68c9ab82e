#include "onnx/import_tensor.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <string_view>

#include "base/text.hpp"
#include "onnx/import_external.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_import {
namespace {

using Proto = ::onnx::TensorProto;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error(ErrorKind::data, where + ": " + what);
}

float from_half(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half} >> 15 << 31, exponent = half >> 10 & 31,
                      fraction = half & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  const float size = exponent == 0 ? static_cast<float>(fraction) * 0x1p-24f
                                   : std::bit_cast<float>((exponent + 112) << 23 | fraction << 13);
  return sign != 0 ? -size : size;
}

float from_bfloat(std::uint16_t number) { return std::bit_cast<float>(std::uint32_t{number} << 16); }

// The numbers of `Stored` in bytes, each made a `Number` by `convert`.
template <class Stored, class Number, class Convert>
std::vector<Number> unpack(std::string_view bytes, const Convert& convert) {
  std::vector<Number> numbers(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    numbers[i] = convert(stored);
  }
  return numbers;
}

template <class Stored>
std::vector<std::int64_t> unpack_whole(std::string_view bytes) {
  return unpack<Stored, std::int64_t>(bytes, [](Stored n) { return static_cast<std::int64_t>(n); });
}

struct TypeFacts {
  std::size_t bytes = 0;  // of a number; 0: not a type that is read
  const char* name = "";
};

TypeFacts facts_of(int type) {
  switch (type) {
    case Proto::FLOAT:
      return {4, "float"};
    case Proto::DOUBLE:
      return {8, "double"};
    case Proto::FLOAT16:
      return {2, "float16"};
    case Proto::BFLOAT16:
      return {2, "bfloat16"};
    case Proto::INT64:
      return {8, "int64"};
    case Proto::UINT64:
      return {8, "uint64"};
    case Proto::INT32:
      return {4, "int32"};
    case Proto::UINT32:
      return {4, "uint32"};
    case Proto::INT16:
      return {2, "int16"};
    case Proto::UINT16:
      return {2, "uint16"};
    case Proto::INT8:
      return {1, "int8"};
    case Proto::UINT8:
      return {1, "uint8"};
    case Proto::BOOL:
      return {1, "bool"};
    case Proto::STRING:
      return {0, "string"};
    case Proto::COMPLEX64:
      return {0, "complex64"};
    case Proto::COMPLEX128:
      return {0, "complex128"};
    default:
      return {0, ""};
  }
}

void take_bytes(Tensor& tensor, int type, std::string_view bytes) {
  switch (type) {
    case Proto::FLOAT:
      tensor.numbers = unpack<float, float>(bytes, [](float n) { return n; });
      break;
    case Proto::DOUBLE:
      tensor.numbers = unpack<double, double>(bytes, [](double n) { return n; });
      break;
    case Proto::FLOAT16:
      tensor.numbers = unpack<std::uint16_t, float>(bytes, from_half);
      break;
    case Proto::BFLOAT16:
      tensor.numbers = unpack<std::uint16_t, float>(bytes, from_bfloat);
      break;
    case Proto::INT64:
      tensor.numbers = unpack_whole<std::int64_t>(bytes);
      break;
    case Proto::UINT64:
      tensor.numbers = unpack_whole<std::uint64_t>(bytes);
      break;
    case Proto::INT32:
      tensor.numbers = unpack_whole<std::int32_t>(bytes);
      break;
    case Proto::UINT32:
      tensor.numbers = unpack_whole<std::uint32_t>(bytes);
      break;
    case Proto::INT16:
      tensor.numbers = unpack_whole<std::int16_t>(bytes);
      break;
    case Proto::UINT16:
      tensor.numbers = unpack_whole<std::uint16_t>(bytes);
      break;
    case Proto::INT8:
      tensor.numbers = unpack_whole<std::int8_t>(bytes);
      break;
    default:
      tensor.numbers = unpack_whole<std::uint8_t>(bytes);
      break;
  }
}

// From the lists that a file without raw bytes has; how many numbers there are.
void take_lists(Tensor& tensor, const Proto& proto) {
  const auto whole = [&](const auto& list) {
    std::vector<std::int64_t> numbers;
    for (const auto number : list) numbers.push_back(static_cast<std::int64_t>(number));
    tensor.numbers = std::move(numbers);
  };
  const auto halves = [&](float (*convert)(std::uint16_t)) {
    std::vector<float> numbers;
    for (const auto number : proto.int32_data())
      numbers.push_back(convert(static_cast<std::uint16_t>(number)));
    tensor.numbers = std::move(numbers);
  };
  switch (proto.data_type()) {
    case Proto::FLOAT:
      tensor.numbers = std::vector<float>(proto.float_data().begin(), proto.float_data().end());
      break;
    case Proto::DOUBLE:
      tensor.numbers = std::vector<double>(proto.double_data().begin(), proto.double_data().end());
      break;
    case Proto::FLOAT16:
      halves(from_half);
      break;
    case Proto::BFLOAT16:
      halves(from_bfloat);
      break;
    case Proto::INT64:
      whole(proto.int64_data());
      break;
    case Proto::UINT32:
    case Proto::UINT64:
      whole(proto.uint64_data());
      break;
    default:
      whole(proto.int32_data());
      break;
  }
}

}  // namespace

std::size_t Tensor::size() const {
  return std::visit([](const auto& list) { return list.size(); }, numbers);
}

double Tensor::number(std::size_t index) const {
  return std::visit([&](const auto& list) { return static_cast<double>(list[index]); }, numbers);
}

std::size_t elements_of(const Dims& dims) {
  std::size_t product = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0) return kTooMany;
  }
  for (const std::int64_t dim : dims) {
    if (dim == 0) return 0;
  }
  for (const std::int64_t dim : dims) {
    const auto size = static_cast<std::size_t>(dim);
    if (size > kMostElements / product) return kTooMany;
    product *= size;
  }
  return product;
}

Tensor read_tensor(const Proto& proto, const std::string& folder, const std::string& where) {
  const TypeFacts type = facts_of(proto.data_type());
  if (type.bytes == 0) {
    const std::string name =
        *type.name ? std::string(type.name) : fmt::format("number {}", proto.data_type());
    refuse(where, fmt::format("its numbers are of the type {}; use float", name));
  }
  if (proto.has_segment()) refuse(where, "it is one segment of a tensor; store it whole");
  Tensor tensor{Dims(proto.dims().begin(), proto.dims().end()), {}};
  const std::size_t count = elements_of(tensor.dims);
  if (count == kTooMany) {
    refuse(where, fmt::format("its dimensions [{}] are negative or too many",
                              printable(fmt::format("{}", fmt::join(tensor.dims, ", ")))));
  }
  const auto require = [&](std::size_t there, const char* what) {
    if (there == (what[0] == 'b' ? count * type.bytes : count)) return;
    refuse(where, fmt::format("it has {} {}, its dimensions [{}] ask for {}; the file is damaged", there,
                              what, printable(fmt::format("{}", fmt::join(tensor.dims, ", "))),
                              what[0] == 'b' ? count * type.bytes : count));
  };
  if (proto.data_location() == Proto::EXTERNAL) {
    const std::string bytes = read_external(proto, folder, count * type.bytes, where);
    require(bytes.size(), "bytes");
    take_bytes(tensor, proto.data_type(), bytes);
  } else if (proto.has_raw_data()) {
    require(proto.raw_data().size(), "bytes");
    take_bytes(tensor, proto.data_type(), proto.raw_data());
  } else {
    take_lists(tensor, proto);
    require(tensor.size(), "numbers");
  }
  return tensor;
}

}  // namespace ztilde::onnx_import
