// A network as stages: what happens to one block of rows while it is in cache. Normalisation by
// batch statistics is where one stage ends and the next begins (docs/design.md, section 1).
#pragma once

#include <algorithm>
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

// What a prologue reads: norm(inner activation of the stage(its z)), or the network's rows, encoded where it
// begins with Encode and normalised.
struct Operand {
  std::optional<std::size_t> stage;  // empty: the rows
  StageNorm norm = StageNorm::none;
  std::size_t norm_layer = 0;  // where norm is not none
};

// The largest or the mean of windows of pixels, none of them over the edge.
struct StagePool {
  bool largest = true;
  std::size_t kernel_height = 1, kernel_width = 1, stride_height = 1, stride_width = 1;
};

// z_out = contraction(pool(drop out(activation(x + shortcut)))). Batch norm's statistics are those of an
// earlier stage's z_out after its inner activation. Rows of z are pixels: those of an image lie together.
struct Stage {
  Shape source;                         // x, and so the prologue's result before it is pooled
  Shape input;                          // what the contraction reads
  Shape output;                         // z_out
  std::size_t inputs = 0, outputs = 0;  // channels of input and output

  // Prologue.
  std::size_t raw_columns = 0;  // that an Encode layer makes the inputs from; 0: they are the inputs
  std::size_t tables = 0;       // with raw_columns: the inputs from here on come from trained tables
  Operand x;
  std::optional<Operand> shortcut;
  ActivationKind activation = ActivationKind::identity;
  StageDropout dropout;
  std::optional<StagePool> pool;

  // Contraction: a Dense or a Conv2d layer, or the identity where what follows fits into no prologue.
  std::optional<std::size_t> dense_layer;
  std::optional<std::size_t> conv_layer;
  Conv2d conv;  // with conv_layer
  bool bias = false;

  // Epilogue. The inner activation stands between z_out and its statistics: batch norm after the
  // activation. z_out is stored without it; whoever reads z_out applies it.
  ActivationKind inner_activation = ActivationKind::identity;
  bool sums = false;           // a later stage normalises by the statistics of this one's result
  std::size_t norm_layer = 0;  // with sums: whose
  // Readers of z_out, later stages: the one that normalises it, the last one that does not.
  std::optional<std::size_t> norm_reader, last_direct_reader;
  std::optional<std::size_t> last_reader() const { return std::max(norm_reader, last_direct_reader); }

  std::size_t table_inputs() const { return raw_columns > 0 ? inputs - tables : 0; }
  bool works_on_pixels() const { return conv_layer || source.pixels() > 1; }
  std::optional<std::size_t> weight_layer() const { return dense_layer ? dense_layer : conv_layer; }
};

// An operand reads an earlier stage; the first stage alone reads the rows.
std::vector<Stage> lower(const Network& network);

// Whether every stage reads the one before, and rows of one pixel each.
bool is_chain_of_rows(const std::vector<Stage>& stages);
bool has_images(const std::vector<Stage>& stages);

// One stage a line, as people discuss it.
std::string describe(const std::vector<Stage>& stages);

}  // namespace ztilde
