#include "plan/image_statistics.hpp"

#include <algorithm>

#include "base/memory.hpp"
#include "plan/shared_sums.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

using kernels::ConstView;
using kernels::View;

namespace {

constexpr std::size_t kStretch = 4096;  // images whose block sums are in memory at one time

// Whether no stage behind s reads one before it.
bool is_narrow(const std::vector<Stage>& stages, std::size_t s) {
  for (std::size_t t = s + 1; t < stages.size(); ++t) {
    if (!stages[t].x.stage || *stages[t].x.stage < s) return false;
    if (stages[t].shortcut && *stages[t].shortcut->stage < s) return false;
  }
  return true;
}

std::size_t z_bytes(const Stage& stage, std::size_t rows) {
  return sizeof(float) * stage.output.size() * rows;
}

}  // namespace

std::vector<ImagePass> image_passes(const std::vector<Stage>& stages, std::size_t rows, std::size_t bytes) {
  std::vector<ImagePass> passes;
  std::optional<std::size_t> kept;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    if (!stages[s].sums) continue;
    ImagePass pass{s, kept, {}};
    const std::size_t taken = kept ? z_bytes(stages[*kept], rows) : 0;
    for (std::size_t k = kept ? *kept + 1 : 0; k <= s; ++k) {
      if (is_narrow(stages, k) && taken + z_bytes(stages[k], rows) <= bytes) pass.keep = k;
    }
    if (pass.keep) kept = pass.keep;
    passes.push_back(pass);
  }
  // Nothing reads what the last pass would keep.
  if (!passes.empty()) passes.back().keep.reset();
  return passes;
}

std::size_t image_passes_memory() {
  constexpr std::size_t kMost = std::size_t{2} << 30;
  return std::min(kMost, memory_limit().bytes / 4);
}

std::size_t image_passes_bytes(const std::vector<Stage>& stages, std::size_t rows) {
  std::size_t most = 0;
  for (const ImagePass& pass : image_passes(stages, rows, image_passes_memory())) {
    most = std::max(most, (pass.from ? z_bytes(stages[*pass.from], rows) : 0) +
                              (pass.keep ? z_bytes(stages[*pass.keep], rows) : 0));
  }
  return most;
}

ImageStatistics::ImageStatistics(const Network& network, const float* parameters, const Batch& all_rows,
                                 Team& team, const double* statistics, std::size_t memory, Exchange* ranks)
    : all_rows_(all_rows),
      team_(team),
      ranks_(ranks),
      plan_(network, std::min(all_rows.rows, kStretch), team.threads(), parameters, statistics),
      passes_(image_passes(stages(), all_rows.rows, memory)) {}

NormState ImageStatistics::measure(const ImagePass& pass) {
  AlignedBuffer<float> keep(pass.keep ? all_rows_.rows * stages()[*pass.keep].output.size() : 0);
  NormState norm(stages()[pass.up_to].outputs, 0, nullptr, nullptr);
  double taken = 0;
  const std::size_t rows = all_rows_.rows, stretches = (rows + kStretch - 1) / kStretch;
  const auto first_row = [&](std::size_t stretch) { return std::min(stretch * kStretch, rows); };
  for_each_held(all_rows_, stretches, first_row, [&](std::size_t begin, std::size_t end) {
    for (std::size_t s = begin; s < end; ++s) measure_stretch(pass, first_row(s), keep, norm, taken);
  });
  if (pass.keep) kept_ = std::move(keep);
  broken_ = norm.finish(taken);
  return norm;
}

void ImageStatistics::measure_stretch(const ImagePass& pass, std::size_t first, AlignedBuffer<float>& keep,
                                      NormState& norm, double& taken) {
  const Stage& stage = stages()[pass.up_to];
  const std::size_t pixels = stage.output.pixels();
  const Batch rows = batch_part(all_rows_, first, std::min(kStretch, all_rows_.rows - first));
  const Cut blocks = plan_.blocks(rows.rows);
  BlockSums sums(blocks.parts, stage.outputs, true);
  RowWeights weights(rows.weights ? rows.rows : 0, rows.weights ? blocks.parts : 0);
  weights.used = rows.weights != nullptr;

  InferencePlan::Start start;
  if (pass.from) start = {*pass.from, kept_.data() + first * stages()[*pass.from].output.size()};
  const auto look = [&](std::size_t s, std::size_t first_row, ConstView z) {
    if (s != pass.keep) return;
    std::copy_n(z.data, z.rows * z.channels, keep.data() + (first + first_row) * stages()[s].output.size());
  };
  const auto sum = [&](const Worker&, std::size_t block, std::size_t first_row, View z) {
    if (stage.inner_activation != ActivationKind::identity) kernels::activate(z, stage.inner_activation, z);
    if (!weights.used) {
      kernels::shifted_sums(z, sums.shift_of(block), sums.sum_of(block), sums.squares_of(block));
      return;
    }
    gather_weights(rows, first_row, z.rows / pixels, weights.of_row.data() + first_row);
    weights.sum_block(blocks, block);
    std::vector<float> of_pixels(z.rows);
    for (std::size_t r = 0; r < z.rows; ++r) of_pixels[r] = weights.of_row[first_row + r / pixels];
    kernels::weighted_sums(z, of_pixels.data(), sums.shift_of(block), sums.sum_of(block),
                           sums.squares_of(block));
  };
  const BlockEnds ends = deal_blocks(blocks.parts, ranks_ ? ranks_->count() : 1);
  const PartRange own = blocks_of_rank(ends, ranks_ ? ranks_->rank() : 0);
  plan_.run_up_to(team_, pass.up_to, rows, own, sum, look, start);
  if (ends.size() > 1) {
    std::vector<SharedBytes> arrays;
    add_parts(ends, sums, arrays);
    if (weights.used) add_parts(ends, weights, arrays);
    if (!ranks_->gather(std::move(arrays))) throw Error(ErrorKind::io, ranks_->problem());
  }
  norm.take(sums, blocks, weights, pixels, taken);
}

}  // namespace ztilde
