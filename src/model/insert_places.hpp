// Where batch norm goes in a network, and its moments there.
#pragma once

#include <cstddef>
#include <vector>

#include "model/channel_moments.hpp"
#include "plan/batch.hpp"
#include "ztilde/insert.hpp"

namespace ztilde {

// Between a Dense or Conv2d, or the Activation that directly follows it, and all that reads that layer.
struct NormSpot {
  std::size_t contraction = 0, behind = 0;
  bool before_activation() const { return contraction == behind; }
};

struct NormSpots {
  std::vector<NormSpot> spots;        // in the order of the layers
  std::vector<SkippedLayer> skipped;  // the other Dense and Conv2d layers
};

// Throws Error(data) where there is none, or a layer that is asked for cannot have one.
NormSpots norm_spots(const Network& network, NormPlace place, const std::vector<std::size_t>& layers);

// By spot: the moments over these rows, each row (all pixels of it) counting by its weight, of what the
// model gives there in float. Throws Error(diverged) for NaN or infinity.
std::vector<ChannelMoments> moments_at(const Model& model, const std::vector<NormSpot>& spots,
                                       const Batch& rows, std::size_t threads);

}  // namespace ztilde
