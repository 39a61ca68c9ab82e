// The folded model without its certificate, and what ties its layers to the unfolded model's.
#pragma once

#include <vector>

#include "model/certify.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

struct Folding {
  Model model;  // no test outputs yet
  std::vector<FoldedNorm> folded;
  std::vector<UnfoldedNorm> unfolded;
  std::vector<MatchedContraction> contractions;  // in the order of the layers
};

// Folds what can be folded, in double, rounded to float once. Requires a sound model.
Folding fold_weights(const Model& model);

}  // namespace ztilde
