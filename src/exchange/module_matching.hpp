// Which modules of a state dict are which layers of a network.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exchange/state_dict.hpp"
#include "ztilde/error.hpp"
#include "ztilde/network.hpp"

namespace ztilde::exchange {

// By prefix, the layer that is said to have its tensors, or none.
using LayerMap = std::map<std::string, std::optional<std::size_t>>;

struct Matching {
  std::vector<const TorchModule*> by_layer;  // null: the layer has no tensors
  std::size_t matched = 0;                   // layers that have some
  std::optional<Error> problem;              // why it is none
};

// Every module to one layer and every layer to one module, of equal kind and shapes; Standardise may go
// without. In this order: as `said`; by indices where they are those of the layers; what has a shape of its
// own; names that differ by numbers only, by these; a norm by the name of the layer before it (bn1 after
// conv1). Whatever is left or could be otherwise is the problem.
Matching match_modules(const Network& network, const StateDict& dict, const LayerMap& said);

}  // namespace ztilde::exchange
