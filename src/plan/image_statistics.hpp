// Population statistics where z of all rows fits into no memory, as of images: a pass for each
// batch norm, over the stages below it with the statistics found so far. What fits is kept for the passes
// that follow, which then begin there. Changes nothing about the result.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/team.hpp"
#include "plan/inference_plan.hpp"

namespace ztilde {

// Runs the stages behind `from`, whose z is kept, or all from the rows on, up to a stage whose z is measured;
// and keeps z of stage `keep` on the way.
struct ImagePass {
  std::size_t up_to = 0;
  std::optional<std::size_t> from, keep;
};

// The passes for a batch norm each, in order. Only z of a stage that nothing behind it looks past is kept,
// the last such one, where it and what the pass itself begins from take at most so many bytes together.
std::vector<ImagePass> image_passes(const std::vector<Stage>& stages, std::size_t rows, std::size_t bytes);

// What they may take: a quarter of the memory there is, at most 2 GiB.
std::size_t image_passes_memory();
// What they take of it.
std::size_t image_passes_bytes(const std::vector<Stage>& stages, std::size_t rows);

class ImageStatistics {
 public:
  // ranks: processes that measure the same rows, each a part of them.
  ImageStatistics(const Network& network, const float* parameters, const Batch& all_rows, Team& team,
                  const double* statistics, std::size_t memory, Exchange* ranks = nullptr);

  const std::vector<Stage>& stages() const { return plan_.stages(); }
  const std::vector<ImagePass>& passes() const { return passes_; }

  // Mean and variance of z of pass.up_to, after its inner activation. Passes are run in order. Throws
  // Error(io) where a rank does not answer.
  NormState measure(const ImagePass& pass);
  // The first channel of the last measurement that is not finite, or their number.
  std::size_t broken() const { return broken_; }
  // The statistics of stage s, now in the arena, are those of the passes that follow.
  void use(std::size_t s) { plan_.refresh_norm(s); }

 private:
  void measure_stretch(const ImagePass& pass, std::size_t first, AlignedBuffer<float>& keep, NormState& norm,
                       double& taken);

  const Batch& all_rows_;
  Team& team_;
  Exchange* ranks_;
  InferencePlan plan_;
  std::vector<ImagePass> passes_;
  AlignedBuffer<float> kept_;  // z of the pass's `from`, all rows
  std::size_t broken_ = 0;
};

}  // namespace ztilde
