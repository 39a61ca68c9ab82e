// A network as Python source of torch.nn.Sequential.
#pragma once

#include <string>
#include <vector>

#include "ztilde/network.hpp"

namespace ztilde::exchange {

struct TorchSource {
  std::vector<std::string> modules;  // "nn.Linear(20, 64)", one a layer, by their indices
  bool skips = false;                // an Add or a Shortcut is among them: a Sequential alone cannot do it
  bool flat_linear = false;          // a Linear takes an image of one pixel: FlatLinear
};

// Throws Error(data) for Encode, which PyTorch has no module for.
TorchSource torch_source(const Network& network);

}  // namespace ztilde::exchange
