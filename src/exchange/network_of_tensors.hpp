// The network of a state dict: its file's gaps filled by the tensors' shapes, or dense layers made from them.
#pragma once

#include <optional>
#include <string>

#include "exchange/module_matching.hpp"
#include "exchange/state_dict.hpp"
#include "ztilde/network.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde::exchange {

struct MatchedNetwork {
  Network network;
  Matching matching;  // without a problem
};

// The network that a file of export_pytorch has in its metadata, as JSON; other files have none.
std::optional<std::string> network_text(const StateDict& dict);

// Throws Error(data) for a network that cannot be read or is not that of the tensors.
MatchedNetwork network_of_tensors(const StateDict& dict, const PytorchImportOptions& options);

}  // namespace ztilde::exchange
