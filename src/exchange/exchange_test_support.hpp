// State dicts made up for tests.
#pragma once

#include <cstring>
#include <deque>
#include <numeric>
#include <string>
#include <vector>

#include "base/test_support.hpp"
#include "model/safetensors.hpp"
#include "ztilde/error.hpp"

namespace ztilde::testing_exchange {

// A safetensors file that is put together tensor by tensor.
class StateDictFile {
 public:
  template <class Number>
  StateDictFile& add(const std::string& name, const std::vector<std::size_t>& shape, safetensors::Dtype dtype,
                     const std::vector<Number>& numbers) {
    std::string& bytes = bytes_.emplace_back(numbers.size() * sizeof(Number), '\0');
    std::memcpy(bytes.data(), numbers.data(), bytes.size());
    file_.tensors.push_back({name, dtype, shape, bytes});
    return *this;
  }

  // Small numbers, all different within a tensor.
  StateDictFile& add(const std::string& name, const std::vector<std::size_t>& shape) {
    std::size_t size = 1;
    for (const std::size_t extent : shape) size *= extent;
    std::vector<float> numbers(size);
    for (std::size_t i = 0; i < size; ++i)
      numbers[i] = 0.5f + static_cast<float>((7 * i + 3 * file_.tensors.size()) % (size + 5)) / 64;
    return add(name, shape, safetensors::Dtype::f32, numbers);
  }

  StateDictFile& linear(const std::string& prefix, std::size_t outputs, std::size_t inputs,
                        bool bias = true) {
    add(prefix + ".weight", {outputs, inputs});
    return bias ? add(prefix + ".bias", {outputs}) : *this;
  }
  StateDictFile& conv(const std::string& prefix, std::size_t outputs, std::size_t inputs,
                      std::size_t kernel = 3) {
    return add(prefix + ".weight", {outputs, inputs, kernel, kernel});
  }
  StateDictFile& norm(const std::string& prefix, std::size_t channels, bool affine = true) {
    if (affine) add(prefix + ".weight", {channels}).add(prefix + ".bias", {channels});
    add(prefix + ".running_mean", {channels}).add(prefix + ".running_var", {channels});
    return add(prefix + ".num_batches_tracked", {}, safetensors::Dtype::i64, std::vector<std::int64_t>{17});
  }
  StateDictFile& say(const std::string& key, const std::string& text) {
    file_.metadata[key] = text;
    return *this;
  }

  std::string bytes() const { return safetensors::write(file_); }
  const std::string& save(const TemporaryFolder& folder, const std::string& name = "dict.safetensors") {
    folder.write(name, bytes());
    path_ = folder / name;
    return path_;
  }

 private:
  safetensors::File file_;
  std::deque<std::string> bytes_;
  std::string path_;
};

// The message of the Error(data) that the call throws, less the folder; "" where it throws none.
template <class Call>
std::string refusal(const TemporaryFolder& folder, const Call& call) {
  const std::string text = failure(folder, call), kind = "data: ";
  if (text == "no error") return "";
  return text.starts_with(kind) ? text.substr(kind.size()) : text;
}

}  // namespace ztilde::testing_exchange
