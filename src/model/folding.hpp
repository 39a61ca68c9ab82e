// The folded model without its certificate, and what ties its layers to the unfolded model's.
#pragma once

#include <vector>

#include "ztilde/model.hpp"

namespace ztilde {

// y = scale x + shift per channel.
struct ChannelMap {
  std::vector<double> scale, shift;  // [channels]
};

// A Dense or Conv2d of the folded network gives output(what the same layer gives in the unfolded one).
struct FoldedContraction {
  std::size_t unfolded_layer = 0;
  ChannelMap output;
};

struct Folding {
  Model model;  // no test outputs yet
  std::vector<FoldedNorm> folded;
  std::vector<UnfoldedNorm> unfolded;
  std::vector<FoldedContraction> contractions;  // in the order of the layers
};

// Folds what can be folded, in double, rounded to float once. Requires a sound model.
Folding fold_weights(const Model& model);

}  // namespace ztilde
