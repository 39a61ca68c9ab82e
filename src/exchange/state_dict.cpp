#include "exchange/state_dict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::exchange {
namespace {

using safetensors::Dtype;
using safetensors::Tensor;

constexpr std::size_t kLongestName = 80;

[[noreturn]] void refuse(const std::string& file_name, const std::string& what) {
  throw Error(ErrorKind::data, fmt::format("{}: {}", file_name, what));
}

// What torch.save writes: a zip file, or, before PyTorch 1.6, a pickle of a number that marks it.
bool is_pickled(std::string_view content) {
  return content.starts_with("PK\x03\x04") ||
         (content.starts_with('\x80') && content.size() > 1 && content[1] >= '\x02' && content[1] <= '\x05');
}

[[noreturn]] void refuse_pickled(const std::string& path, const std::string& file_name) {
  std::string to = std::filesystem::path(path).filename().replace_extension(".safetensors").string();
  refuse(file_name,
         fmt::format("a pickled PyTorch file, which only Python can read; convert its state dict: python3 -c "
                     "\"import torch, safetensors.torch as s; s.save_file(torch.load('{}', "
                     "map_location='cpu'), '{}')\"",
                     printable(path, 200), printable(to, 200)));
}

void require_safetensors(std::string_view content, const std::string& path, const std::string& file_name) {
  if (is_pickled(content)) refuse_pickled(path, file_name);
  if (safetensors::looks_like_one(content)) return;
  refuse(file_name, fmt::format("not a safetensors file{}; write one in Python with "
                                "safetensors.torch.save_file(module.state_dict(), 'model.safetensors')",
                                content.empty() ? " (it is empty)" : ""));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The end of the digits, or of what are none, that begin at `at`.
std::size_t end_of_run(const std::string& text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_digit(text[end]) == is_digit(text[at])) ++end;
  return end;
}

// Numbers by their size, of any length.
bool comes_before(const std::string& a, const std::string& b) {
  std::size_t i = 0, k = 0;
  while (i < a.size() && k < b.size()) {
    const std::size_t i_end = end_of_run(a, i), k_end = end_of_run(b, k);
    std::string one = a.substr(i, i_end - i), other = b.substr(k, k_end - k);
    if (is_digit(one[0]) && is_digit(other[0])) {
      const std::size_t width = std::max(one.size(), other.size());
      one.insert(0, width - one.size(), '0');
      other.insert(0, width - other.size(), '0');
    }
    if (one != other) return one < other;
    i = i_end;
    k = k_end;
  }
  if (i == a.size() && k == b.size()) return a < b;  // as 1 and 01
  return i == a.size();
}

// Null for a name that is none of theirs.
const Tensor** place_of(TorchModule& module, std::string_view name) {
  if (name == "weight") return &module.weight;
  if (name == "bias") return &module.bias;
  if (name == "running_mean") return &module.mean;
  if (name == "running_var") return &module.variance;
  if (name == "num_batches_tracked") return &module.batches;
  return nullptr;
}

std::vector<TorchModule> modules_of(const std::vector<Tensor>& tensors) {
  std::map<std::string, TorchModule, bool (*)(const std::string&, const std::string&)> by_prefix(
      comes_before);
  for (const Tensor& tensor : tensors) {
    const std::size_t dot = tensor.name.rfind('.');
    const std::string prefix = dot == tensor.name.npos ? "" : tensor.name.substr(0, dot);
    TorchModule& module = by_prefix[prefix];
    module.prefix = prefix;
    const Tensor** place = place_of(module, std::string_view(tensor.name).substr(dot + 1));
    if (place) {
      *place = &tensor;
    } else {
      module.others.push_back(&tensor);
    }
  }
  std::vector<TorchModule> modules;
  for (auto& [prefix, module] : by_prefix) modules.push_back(std::move(module));
  return modules;
}

template <class Number>
Number number_at(const Tensor& tensor, std::size_t i) {
  Number number;
  std::memcpy(&number, tensor.bytes.data() + i * sizeof(Number), sizeof(Number));
  return number;
}

// IEEE 754's half: 5 bits of exponent, 10 of fraction.
double from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double sign = bits >> 15 ? -1 : 1, fraction = bits & 1023;
  if (exponent == 31) return fraction == 0 ? sign * HUGE_VAL : std::nan("");
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

// The first half of a float.
double from_bfloat(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

double double_at(const Tensor& tensor, std::size_t i) {
  switch (tensor.dtype) {
    case Dtype::f32:
      return number_at<float>(tensor, i);
    case Dtype::f64:
      return number_at<double>(tensor, i);
    case Dtype::f16:
      return from_half(number_at<std::uint16_t>(tensor, i));
    case Dtype::bf16:
      return from_bfloat(number_at<std::uint16_t>(tensor, i));
    case Dtype::i64:
      break;
  }
  return 0;
}

// Where in a tensor an element is: "[3, 5]".
std::string place_text(std::size_t element, const std::vector<std::size_t>& shape) {
  std::vector<std::size_t> place(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    place[axis] = element % shape[axis];
    element /= shape[axis];
  }
  return shape_text(place);
}

}  // namespace

const Tensor& TorchModule::first() const {
  for (const Tensor* tensor : {weight, mean, variance, bias, batches}) {
    if (tensor) return *tensor;
  }
  return *others.front();
}

StateDict read_state_dict(const std::string& path) {
  StateDict dict;
  dict.file_name = shown_path(path);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    refuse(dict.file_name, "a directory; name the safetensors file in it");
  dict.content = read_file(path);
  require_safetensors(dict.content, path, dict.file_name);
  dict.file = safetensors::read(dict.content, dict.file_name);
  if (dict.file.tensors.empty()) refuse(dict.file_name, "it has no tensors; save a module's state_dict()");
  dict.modules = modules_of(dict.file.tensors);
  return dict;
}

std::string pattern_of(const std::string& prefix) {
  std::string pattern;
  for (std::size_t at = 0; at < prefix.size();) {
    const std::size_t end = end_of_run(prefix, at);
    pattern += is_digit(prefix[at]) ? "#" : prefix.substr(at, end - at);
    at = end;
  }
  return pattern;
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

void refuse_tensor(const StateDict& dict, const Tensor& tensor, const std::string& what) {
  refuse(dict.file_name, fmt::format("tensor {}: {}", printable(tensor.name, kLongestName), what));
}

std::vector<double> numbers_of(const StateDict& dict, const Tensor& tensor, bool as_float) {
  if (tensor.dtype == Dtype::i64) refuse_tensor(dict, tensor, "I64, where floating-point numbers are needed");
  std::vector<double> numbers(tensor.bytes.size() / safetensors::byte_size(tensor.dtype));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = double_at(tensor, i);
    if (as_float ? std::isfinite(static_cast<float>(numbers[i])) : std::isfinite(numbers[i])) continue;
    refuse_tensor(dict, tensor,
                  fmt::format("{} at {}; numbers must be finite{}, save a module that has not diverged",
                              numbers[i], place_text(i, tensor.shape), as_float ? " in float" : ""));
  }
  return numbers;
}

}  // namespace ztilde::exchange
