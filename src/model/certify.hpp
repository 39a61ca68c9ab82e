// A model next to the one it was made of, which is to give the same answers: the made one in float, as it
// will be used, against the other in double, layer by layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "plan/batch.hpp"
#include "ztilde/fold_certificate.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

// y = scale x + shift per channel.
struct ChannelMap {
  std::vector<double> scale, shift;  // [channels]
};

// A Dense or Conv2d of the made network gives output(what this layer of the other one gives).
struct MatchedContraction {
  std::size_t layer = 0;  // of the network that the model was made of
  ChannelMap output;
};

struct MadeModel {
  const Model& original;
  const Model& made;
  const std::vector<MatchedContraction>& contractions;  // all of both networks, in the order of the layers
  bool in_double = false;                               // whether to run the made one in double as well
};

// As FoldCertificate has them; double_absolute: of the made model in double, 0 where that was not asked for.
struct Comparison {
  double largest_output = 0;
  double absolute = 0, relative = 0;
  double float_absolute = 0, double_absolute = 0;
  std::uint64_t argmax_changes = 0;
  std::vector<LayerDifference> layers;
};

// Some of the rows of a batch that has no index list, without targets and weights.
Batch block_of(const Batch& all, std::size_t first_row, std::size_t rows);

// threads 0: all cores; the result does not depend on it.
Comparison compare_with_original(const MadeModel& models, const Batch& rows, std::size_t threads);

}  // namespace ztilde
