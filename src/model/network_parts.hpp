// A model taken apart into layers with their numbers, and put together again with layers taken out or put
// in: what an Add or a Shortcut goes back to is found anew.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "ztilde/model.hpp"

namespace ztilde {

// Of a parameter slot within its layer: name and, of an Encode layer's table, the column.
using TensorName = std::pair<std::string_view, std::optional<std::size_t>>;
inline const TensorName kWeight{"weight", {}}, kBias{"bias", {}};

struct NetworkPart {
  Layer layer;
  std::map<TensorName, std::vector<double>> tensors;  // rounded to float when put together
  std::vector<double> statistics;                     // means, then variances; empty: none
  std::uint64_t batches = 0;                          // that made the statistics
  // By number among the parts: what the layer works on (empty: the network's input), what an Add adds.
  std::optional<std::size_t> source, other;
  bool gone = false;
};

bool is_contraction(const Layer& layer);

std::vector<NetworkPart> parts_of(const Model& model);

// The parts that are not gone, in their order, as the network of `model` and its numbers; all else stays as
// it is, test rows too. What an Encode layer has fixed stays. Requires that none reads one that is gone, and
// that each but Shortcut works on the part before it. Throws Error(data) as validate does.
Model with_parts(const Model& model, std::span<const NetworkPart> parts);

}  // namespace ztilde
