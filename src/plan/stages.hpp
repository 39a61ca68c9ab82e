// A network as stages: what happens to one block of rows while it is in cache. Normalisation by
// batch statistics is where one stage ends and the next begins (docs/design.md, section 1).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ztilde/network.hpp"

namespace ztilde {

enum class StageNorm { none, standardise, batch };

struct StageDropout {
  double probability = 0;
  std::size_t layer = 0;
};

// z_out = contraction(drop out(activation(norm(inner activation of the stage before(z_in))))); the first
// stage's z_in are the rows, encoded where the network begins with Encode.
struct Stage {
  std::size_t inputs = 0, outputs = 0;

  // Prologue.
  std::size_t raw_columns = 0;  // that an Encode layer makes the inputs from; 0: they are the inputs
  std::size_t tables = 0;       // with raw_columns: the inputs from here on come from trained tables
  StageNorm norm = StageNorm::none;
  std::size_t norm_layer = 0;  // where norm is not none
  ActivationKind activation = ActivationKind::identity;
  StageDropout dropout;

  // Contraction: a Dense layer, or the identity where a normalisation follows no Dense.
  std::optional<std::size_t> dense_layer;
  bool bias = false;

  // Epilogue. The inner activation stands between z_out and its statistics: batch norm after the
  // activation. z_out is stored without it; whoever reads z_out applies it.
  ActivationKind inner_activation = ActivationKind::identity;
  bool sums = false;  // the next stage normalises by the statistics of this one's result

  std::size_t table_inputs() const { return raw_columns > 0 ? inputs - tables : 0; }
};

// The first stage reads the network's input, each other stage the z_out of the one before.
std::vector<Stage> lower(const Network& network);

// One stage a line, as people discuss it.
std::string describe(const std::vector<Stage>& stages);

}  // namespace ztilde
