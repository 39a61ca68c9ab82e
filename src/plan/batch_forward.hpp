// The forward stages of one batch whose statistics are not known beforehand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/exchange.hpp"
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

// The tensors of a stage's contraction and of the batch norm that reads its result, in the parameter
// arena; the d_ ones in its mirror, null where there is none.
struct StageTensors {
  const float *weight = nullptr, *bias = nullptr, *gamma = nullptr, *beta = nullptr;
  float *d_weight = nullptr, *d_bias = nullptr, *d_gamma = nullptr, *d_beta = nullptr;
};
std::vector<StageTensors> stage_tensors(const Network& network, const std::vector<Stage>& stages,
                                        const float* parameters, float* gradients);

// One worker's memory for blocks in flight, and its watch.
struct WorkerScratch {
  AlignedBuffer<float> source;         // [tile rows, a stage's source]: a prologue's result
  AlignedBuffer<float> pooled;         // [tile rows, stage input]: that, pooled
  AlignedBuffer<float> inner;          // [tile rows, stage outputs]: z after the inner activation
  AlignedBuffer<float> second;         // the same of a shortcut
  AlignedBuffer<float> result;         // [tile rows, stage outputs]: z on its way to memory
  AlignedBuffer<float> slice;          // [batch rows, slice columns]: a prologue's result, a few channels
  AlignedBuffer<float> pixel_weights;  // [tile rows, pixels]: each its row's
  AlignedBuffer<std::byte> product, places;
  Stopwatch watch = {};
};

// The normalisation of the network's rows, feature by feature: of images every pixel's channels alike.
struct InputNorm {
  AlignedBuffer<float> centre, scale, shift;
  InputNorm() = default;
  // statistics: of a Standardise layer, as its slot has them; input: the network's, or Encode's features.
  InputNorm(const Shape& input, const double* statistics);
  kernels::Affine affine(std::size_t first_feature = 0) const {
    if (centre.size() == 0) return {};
    return {centre.data() + first_feature, scale.data() + first_feature, shift.data() + first_feature};
  }
};
// That of the stages, or none.
InputNorm input_norm(const Network& network, const std::vector<Stage>& stages, const double* statistics);

// Where stages can be run by one worker after the other without waiting for others: the group of each.
// Stages of images of one group take turns on every block.
std::vector<std::size_t> forward_groups(const std::vector<Stage>& stages);

// The processes that share every batch: null for one process. apart: each normalises its rows by their own
// statistics, so that nobody waits for those of others; what they come to together is put together at the end
// of a step.
struct PlanRanks {
  Exchange* exchange = nullptr;
  bool apart = false;
};

// z[s]: where stage s puts its result, [largest batch · pixels, outputs of s].
class BatchForward {
 public:
  // gradients: null where there is no backward pass. fixed_statistics: the statistics arena that Encode
  // and Standardise layers read. dropout: whether the stages drop out.
  BatchForward(const Network& network, std::vector<std::size_t> batch_sizes, std::size_t workers,
               const float* parameters, float* gradients, const double* fixed_statistics, bool dropout,
               std::uint64_t seed, PlanRanks ranks = {});

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
  Exchange* exchange() const { return ranks_.exchange; }
  bool apart() const { return ranks_.apart && ranks_.exchange && ranks_.exchange->count() > 1; }
  // The blocks whose rows share the statistics that this process normalises by.
  PartRange normed_blocks(const BatchProducts& products) const;
  // For a barrier: every rank's part of these, of a batch, and of rows of it. Nothing where there is one
  // process.
  void share(const BatchProducts& products, std::span<BlockSums* const> sums, kernels::View of_rows = {});
  void share(const BatchProducts& products, std::span<double> of_blocks);
  // With ranks that are apart, for the last barrier of a step: the sums of all stages of all ranks and
  // `further` arrays, at once, and `of_all`, the statistics of all rows of the batch, by stage.
  void share_apart(const BatchProducts& products, std::vector<BlockSums>& bias_sums,
                   std::vector<SharedBytes> further);
  // Whether z of stage s and the gradient with respect to it, which are read when the caches have long
  // forgotten them, are written past the caches: a plain store would first read what it overwrites.
  bool moves(std::size_t s) const;
  // How the rows of the batch count, once the first statistics are known.
  const RowWeights& weights() const { return weights_; }
  std::optional<Fault> fault() const { return fault_; }
  // For a barrier: whether any rank met one.
  bool fault_anywhere() const { return apart() ? exchange()->any(fault_.has_value()) : fault_.has_value(); }
  std::size_t scratch_bytes() const;

  // What the backward pass shares with the forward one; rows are those of the batch: images or table rows.
  //   source: the result of the prologue of stage s before it is pooled, for some rows and, of stages of
  //   rows, some channels; in `out` unless it is z as it stands. Its time is told to the watch, like that
  //   of drop_out.
  kernels::ConstView source(std::size_t s, const Batch& batch, std::size_t first_row, std::size_t rows,
                            std::size_t first_channel, std::size_t channels, std::size_t stride, float* out,
                            WorkerScratch& mine) const;
  //   before_activation: the sum of both operands, in `out`; for stages that have a shortcut.
  kernels::View before_activation(std::size_t s, std::size_t first_row, std::size_t rows, float* out,
                                  WorkerScratch& mine) const;
  //   pooled: what the contraction of a stage of images reads, for one block, from its source.
  kernels::ConstView pooled(std::size_t s, const StageProducts& products, const Tile& tile,
                            kernels::ConstView source, std::size_t worker);
  //   inputs: the network's rows after their normalisation and before the first activation.
  void inputs(const Batch& batch, std::size_t first_row, std::size_t first_feature, kernels::View out) const {
    encoder_.gather(batch, first_row, first_feature, input_norm_.affine(first_feature), out);
  }
  const Encoder& encoder() const { return encoder_; }
  const InputNorm& input_norm() const { return input_norm_; }
  //   inner: z of stage s after its inner activation.
  kernels::ConstView inner(std::size_t s, std::size_t first_row, std::size_t rows, float* out) const;
  //   drop_out: as the stage does, where it does; x: some rows and channels of its source, or of
  //   the gradient with respect to it.
  void drop_out(const Stage& stage, std::size_t first_row, std::size_t first_channel, kernels::View x,
                Stopwatch& watch) const;
  //   weights_of: one for each pixel of some rows of stage s; only while weights().used.
  const float* weights_of(std::size_t s, std::size_t first_row, std::size_t rows, WorkerScratch& mine) const;
  //   packed_back: the weight as the stage's input gradients read it.
  const float* packed_back(std::size_t s) const { return packed_back_[s].data(); }
  const std::vector<std::size_t>& groups() const { return groups_; }

  std::vector<StageTensors> tensors;
  std::vector<NormState> norms;        // by stage, of the batch norm that reads its result
  std::vector<NormState> of_all;       // the same over the batches of all ranks, where these are apart
  std::vector<BlockSums> sums;         // by stage, of its epilogue
  std::vector<WorkerScratch> scratch;  // by worker

  kernels::View z(std::size_t s, std::size_t first_row, std::size_t rows) const {
    const std::size_t pixels = stages_[s].output.pixels();
    return z_[s].block(first_row * pixels, rows * pixels);
  }

 private:
  void pack_weights(const Worker& worker, const BatchProducts& products);
  void share_weights(const BatchProducts& products);
  void run_tile(const Worker& worker, std::size_t s, const Batch& batch, const BatchProducts& products,
                const Tile& tile, bool weighted);
  void sum_tile(std::size_t s, const BatchProducts& products, const Tile& tile, bool weighted,
                WorkerScratch& mine);
  // An operand of stage s as it stands, before its normalisation.
  kernels::ConstView operand(const Operand& from, std::size_t first_row, std::size_t rows, float* out) const {
    return inner(*from.stage, first_row, rows, out);
  }
  kernels::Affine affine(const Operand& from, std::size_t first_channel) const {
    return from.norm == StageNorm::batch ? norms[*from.stage].affine(first_channel) : kernels::Affine{};
  }

  std::vector<Stage> stages_;
  std::vector<std::size_t> groups_;
  Encoder encoder_;
  InputNorm input_norm_;
  std::size_t largest_batch_ = 0;
  BackwardOrder order_;
  bool dropout_;
  std::uint64_t seed_;
  PlanRanks ranks_;
  std::uint64_t step_ = 0;
  ProductCache cache_;
  std::vector<BatchProducts> products_;  // by batch size
  std::vector<kernels::View> z_;
  std::vector<AlignedBuffer<float>> packed_, packed_back_;  // by stage: a convolution's weights
  std::optional<Fault> fault_;
  RowWeights weights_;
};

}  // namespace ztilde
