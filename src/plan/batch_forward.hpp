// The forward stages of one batch whose statistics are not known beforehand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/team.hpp"
#include "plan/batch.hpp"
#include "plan/encoder.hpp"
#include "plan/norm_state.hpp"
#include "plan/products.hpp"
#include "plan/stages.hpp"
#include "plan/stopwatch.hpp"

namespace ztilde {

// NaN or infinity in the statistics of a batch.
struct Fault {
  std::size_t layer = 0;  // the normalisation that met it
  std::size_t channel = 0;
};

// A Dense stage's and its prologue's tensors in the parameter arena; the d_ ones in its mirror,
// null where there is none.
struct StageTensors {
  const float *weight = nullptr, *bias = nullptr, *gamma = nullptr, *beta = nullptr;
  float *d_weight = nullptr, *d_bias = nullptr, *d_gamma = nullptr, *d_beta = nullptr;
};
std::vector<StageTensors> stage_tensors(const Network& network, const std::vector<Stage>& stages,
                                        const float* parameters, float* gradients);

// One worker's memory for blocks in flight, and its watch.
struct WorkerScratch {
  AlignedBuffer<float> source;  // [tile rows, stage inputs]: a prologue's result
  AlignedBuffer<float> inner;   // [tile rows, stage outputs]: z after the inner activation
  AlignedBuffer<float> slice;   // [batch rows, slice columns]: a prologue's result, a few channels
  AlignedBuffer<std::byte> product;
  Stopwatch watch = {};
};

// z[s]: where stage s puts its result, [largest batch, outputs of s].
class BatchForward {
 public:
  // gradients: null where there is no backward pass. fixed_statistics: the statistics arena that Encode
  // and Standardise layers read. dropout: whether the stages drop out.
  BatchForward(const Network& network, std::vector<std::size_t> batch_sizes, std::size_t workers,
               const float* parameters, float* gradients, const double* fixed_statistics, bool dropout,
               std::uint64_t seed);

  const std::vector<Stage>& stages() const { return stages_; }
  std::size_t largest_batch() const { return largest_batch_; }
  const BackwardOrder& order() const { return order_; }
  void set_z(std::vector<kernels::View> z) { z_ = std::move(z); }

  // Before the workers start: the step whose random numbers they use.
  void begin(std::uint64_t step);
  // Called by every worker with the same batch. Ends without a barrier: each worker has its
  // own blocks of the last stage, and nobody else's.
  void run(const Worker& worker, const Batch& batch);

  const BatchProducts& products(std::size_t rows) const;
  // How the rows of the batch count, once the first statistics are known.
  const RowWeights& weights() const { return weights_; }
  std::optional<Fault> fault() const { return fault_; }
  std::size_t scratch_bytes() const;

  // What the backward pass shares with the forward one.
  //   source: what the contraction of stage s reads, for some rows and channels; in `scratch`
  //   unless it is z as it stands. Its time is told to the watch, like that of drop_out.
  kernels::ConstView source(std::size_t s, const Batch& batch, std::size_t first_row, std::size_t rows,
                            std::size_t first_channel, std::size_t channels, std::size_t stride,
                            float* scratch, Stopwatch& watch) const;
  //   inputs: the first stage's after its normalisation and before its activation.
  void inputs(const Batch& batch, std::size_t first_row, std::size_t first_channel, kernels::View out) const {
    encoder_.gather(batch, first_row, first_channel, norms[0].affine(first_channel), out);
  }
  const Encoder& encoder() const { return encoder_; }
  //   inner: z of stage s after its inner activation.
  kernels::ConstView inner(std::size_t s, std::size_t first_row, std::size_t rows, float* scratch) const;
  //   drop_out: as the stage does, where it does; x: some rows and channels of its source, or of
  //   the gradient with respect to it.
  void drop_out(const Stage& stage, std::size_t first_row, std::size_t first_channel, kernels::View x,
                Stopwatch& watch) const;

  std::vector<StageTensors> tensors;
  std::vector<NormState> norms;        // by stage, of its prologue
  std::vector<BlockSums> sums;         // by stage, of its epilogue
  std::vector<WorkerScratch> scratch;  // by worker

  kernels::View z(std::size_t s, std::size_t first_row, std::size_t rows) const {
    return z_[s].block(first_row, rows);
  }

 private:
  std::vector<Stage> stages_;
  Encoder encoder_;
  std::size_t largest_batch_ = 0;
  BackwardOrder order_;
  bool dropout_;
  std::uint64_t seed_;
  std::uint64_t step_ = 0;
  ProductCache cache_;
  std::vector<BatchProducts> products_;  // by batch size
  std::vector<kernels::View> z_;
  std::optional<Fault> fault_;
  RowWeights weights_;
};

}  // namespace ztilde
