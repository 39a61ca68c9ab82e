// A PyTorch state dict, as a safetensors file has it: its tensors by the modules that they are of.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/safetensors.hpp"

namespace ztilde::exchange {

// The tensors whose names begin alike: "layer1.0.bn1.weight" is the weight of "layer1.0.bn1". Null: it has
// none.
struct TorchModule {
  std::string prefix;
  const safetensors::Tensor *weight = nullptr, *bias = nullptr;
  const safetensors::Tensor *mean = nullptr, *variance = nullptr, *batches = nullptr;
  std::vector<const safetensors::Tensor*> others;  // which no module that ztilde knows has

  const safetensors::Tensor& first() const;  // one of them, to name the module by
  bool is_norm() const { return mean != nullptr || variance != nullptr; }
};

struct StateDict {
  std::string file_name;  // for messages
  std::string content;    // what the tensors view
  safetensors::File file;
  std::vector<TorchModule> modules;  // by prefix, numbers in it as numbers: conv2 before conv10
};

// Throws Error(data) for what is no such file, saying how to make one where torch.save wrote it.
StateDict read_state_dict(const std::string& path);

// "conv#": the prefixes of modules that differ by their numbers only have the same.
std::string pattern_of(const std::string& prefix);

// "[10, 256]".
std::string shape_text(const std::vector<std::size_t>& shape);

// "FILE: tensor NAME: what", as an Error.
[[noreturn]] void refuse_tensor(const StateDict& dict, const safetensors::Tensor& tensor,
                                const std::string& what);

// The numbers of a tensor. F64 is exact, F16 and BF16 too. Throws Error(data) for any other kind, and for NaN
// and infinity, also in float where `as_float`.
std::vector<double> numbers_of(const StateDict& dict, const safetensors::Tensor& tensor, bool as_float);

}  // namespace ztilde::exchange
