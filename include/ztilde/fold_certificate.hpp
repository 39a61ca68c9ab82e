// What folding the batch norms of a model did to it, and how far its answers moved: kept in the folded
// model's file. Layers are numbered as the unfolded network has them, from 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ztilde {

// A BatchNorm that went into weights: those of the Dense or Conv2d before it, or of all that read it.
struct FoldedNorm {
  std::size_t layer = 0;
  std::vector<std::size_t> into;  // one layer before it, or those after it
  double amplification = 0;       // the largest |gamma| · inv_std: what a rounding before it grows by
  bool operator==(const FoldedNorm&) const = default;
};

struct UnfoldedNorm {
  std::size_t layer = 0;
  std::string reason;
  bool operator==(const UnfoldedNorm&) const = default;
};

// Between what a Dense or Conv2d gives in the folded model, in float, and what its weights stand for in
// the unfolded one, in double.
struct LayerDifference {
  std::size_t layer = 0;
  double absolute = 0, relative = 0;  // as those of the outputs
  bool operator==(const LayerDifference&) const = default;
};

struct FoldCertificate {
  std::vector<FoldedNorm> folded;
  std::vector<UnfoldedNorm> unfolded;

  // The rows compared: given ones, or the model's test rows and built-in ones, made from `seed`.
  std::uint64_t data_rows = 0, test_rows = 0, built_in_rows = 0;
  std::uint64_t seed = 0;
  std::uint64_t rows() const { return data_rows + test_rows + built_in_rows; }

  double tolerance = 0;       // of `relative`
  double largest_output = 0;  // the largest |output| of the unfolded model
  double absolute = 0;        // the largest |folded − unfolded| of an output, in the outputs' unit
  double relative = 0;        // absolute / largest_output
  double float_absolute = 0;  // the same as `absolute` of the unfolded model in float: what was there before
  std::uint64_t argmax_changes = 0;     // rows whose class is another; 0 for a regression
  std::vector<LayerDifference> layers;  // the Dense and Conv2d layers, in their order

  bool holds() const { return relative <= tolerance; }
  bool operator==(const FoldCertificate&) const = default;
};

}  // namespace ztilde
