// Forward and backward over one batch, with batch statistics: what a training step runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "plan/batch_forward.hpp"
#include "tensor/aligned_buffer.hpp"

namespace ztilde {

// The functions that take a Worker are called by every worker of a team with the same arguments.
class TrainPlan {
 public:
  // batch_sizes: every size that will be run. parameters and gradients: arenas laid out by
  // parameter_slots(network), read and overwritten. fixed_statistics: the statistics arena, read
  // for Standardise. Allocates everything a step needs. ranks: those that share every batch, and give
  // the same gradients whatever their number where they are not apart; the weight gradients of one process
  // without ranks are added up otherwise.
  TrainPlan(const Network& network, const std::vector<std::size_t>& batch_sizes, std::size_t workers,
            const float* parameters, float* gradients, const double* fixed_statistics, std::uint64_t seed,
            PlanRanks ranks = {});

  // From now on every BatchNorm normalises with its part of this arena, and update_running changes nothing.
  void keep_statistics(std::span<const double> statistics);

  // Before the team starts on a step.
  void begin(std::uint64_t step);
  // Ends without a barrier: each worker has the output rows of its own blocks.
  void forward(const Worker& worker, const Batch& batch) { forward_.run(worker, batch); }

  // The row blocks of a batch, and those of a worker: block after block as forward dealt them.
  const Cut& blocks(std::size_t rows) const { return forward_.products(rows).blocks; }
  template <class Visit>
  void for_own_blocks(const Worker& worker, std::size_t rows, Visit&& visit) const {
    const auto [first, end] = forward_.products(rows).of_worker(worker.index, worker.count);
    for (std::size_t block = first; block < end; ++block) visit(block);
  }
  kernels::ConstView output(std::size_t first_row, std::size_t rows) const;
  kernels::View output_gradient(std::size_t first_row, std::size_t rows) const;

  // For a barrier, with ranks: a number for each block, of which each rank has those of its own.
  void share_by_block(std::size_t rows, std::span<double> numbers) {
    forward_.share(forward_.products(rows), numbers);
  }

  // From output_gradient, set for the worker's own blocks, to the gradients of all parameters.
  // `on_first_barrier` runs once when every worker has arrived with its blocks; where it returns
  // false or the forward pass met a fault nobody goes on, and false is returned. Ends with a barrier.
  template <class Continue>
  bool backward(const Worker& worker, const Batch& batch, Continue&& on_first_barrier) {
    worker.sync([&] { going_on_ = on_first_barrier() && !forward_.fault_anywhere(); });
    if (going_on_) run_backward(worker, batch);
    return going_on_;
  }
  // What the last backward returned.
  bool went_on() const { return going_on_; }

  // The step that changes running statistics, apart from everything else: running = keep · running
  // + (1 − keep) · batch, in the statistics arena; counts in `batches` by statistic
  // slot. Call it once a step, and not after a fault.
  void update_running(std::size_t rows, std::span<double> statistics, std::span<std::uint64_t> batches);

  std::optional<Fault> fault() const { return forward_.fault(); }
  // After forward: the first layer and channel whose result is not finite in any of the rows, for
  // naming trouble that no statistics have met.
  std::optional<Fault> first_fault(std::size_t rows) const;
  const std::vector<Stage>& stages() const { return forward_.stages(); }
  const NormState& norm(std::size_t stage) const { return forward_.norms[stage]; }
  // By worker; the first one's goes on in update_running. Off until they are turned on.
  Stopwatch& watch(std::size_t worker) { return forward_.scratch[worker].watch; }
  const Stopwatch& watch(std::size_t worker) const { return forward_.scratch[worker].watch; }
  std::size_t workers() const { return forward_.scratch.size(); }
  // All that it allocates; and of that the activations and gradients of a batch, which grow with it.
  std::size_t bytes() const;
  std::size_t activation_bytes() const { return memory_.size() * sizeof(float); }

 private:
  void place_buffers();
  void make_block_gradients(const std::vector<std::size_t>& batch_sizes, std::size_t workers);
  void run_backward(const Worker& worker, const Batch& batch);
  // Whether a worker takes a block on to the stage below without waiting for the others.
  bool goes_on_below(std::size_t s) const;
  // d of a tile's rows, from what the stages above left there.
  void finish_gradient(const Worker& worker, std::size_t s, const BatchProducts& products, const Tile& tile);
  // From there to what this stage leaves to those that it reads.
  void go_below(const Worker& worker, std::size_t s, const BatchProducts& products, const Tile& tile,
                const Batch& batch);
  // The contraction of go_below: d of what it reads before pooling and drop-out, written to `d_source`.
  void contraction_backward(const Worker& worker, std::size_t s, const BatchProducts& products,
                            const Tile& tile, const Batch& batch, kernels::View d_source);
  void convolution_backward(const Worker& worker, std::size_t s, const BatchProducts& products,
                            const Tile& tile, kernels::ConstView source, kernels::View d_source);
  // Through the activation and the normalisations of a prologue with a shortcut, to both operands.
  void split_gradient(const Worker& worker, std::size_t s, const BatchProducts& products, const Tile& tile,
                      kernels::View d_source);
  // Adds up what a normalisation's backward pass needs of d, which goes through `activation` first.
  void sum_norm(std::size_t s, const BatchProducts& products, const Tile& tile, const Operand& x,
                ActivationKind activation, kernels::View d, kernels::View kept, kernels::View moved,
                WorkerScratch& mine);
  // Where the gradient of an operand goes, and whether another reader has left a part of it there.
  kernels::View operand_gradient(const Operand& x, std::size_t first_row, std::size_t rows) const;
  bool adds_to_operand(std::size_t s, const Operand& x) const;
  // The first stage's: the gradient with respect to what trained tables gave it.
  void table_input_gradient(const Worker& worker, const BatchProducts& products, const Tile& tile,
                            const Batch& batch);
  void weight_gradient_slice(const Worker& worker, std::size_t s, const Batch& batch, const Slice& slice);
  // Of stages whose lanes are added up, those of all convolutions and with ranks of all: the part of a weight
  // gradient that comes from this rank's lanes, node by node.
  bool adds_lanes(std::size_t s) const { return stages()[s].conv_layer || forward_.exchange(); }
  void lane_slice(const Worker& worker, std::size_t s, const Batch& batch, const Slice& slice);
  // One lane's, to `out`: of a dense stage, whose lanes are blocks, made now.
  void lane_product(const Worker& worker, std::size_t s, const Batch& batch, const Slice& slice,
                    std::size_t lane, float* out);
  // For a barrier: the other ranks' parts of the sums that stages s … end - 1 have made on their way down,
  // and of the gradient with respect to what trained tables gave: row by row, for it is a few numbers of each
  // where the tables may be large.
  void share_sums(std::size_t s, std::size_t end, const BatchProducts& products);
  // For the last barrier of a step of ranks that are apart: all that these have not told each other before,
  // and the gradients that come of it.
  void share_apart(const BatchProducts& products);
  void write_norm_gradient(std::size_t normed, std::span<const double> d_gamma,
                           std::span<const double> d_beta);
  void prepare_lanes(const std::vector<std::size_t>& batch_sizes, std::size_t workers);
  // For a barrier, when this rank's part of a stage's weight gradient is there: sends it on its way.
  void begin_sum(std::size_t s, const BatchProducts& products);
  // Between two pieces of work: what has arrived of the sums under way is seen to.
  void go_on_with_sums() {
    if (Exchange* const exchange = forward_.exchange()) exchange->go_on();
  }
  // The sums over all lanes, in the arena's order. Ends with a barrier, where there are any.
  void finish_sums(const Worker& worker, const BatchProducts& products);

  struct RunningSlot {
    std::size_t stage, slot_index;
    StatisticSlot slot;
    BatchNorm layer;
  };

  BatchForward forward_;
  AlignedBuffer<float> memory_;          // every z and d, placed by lifetime
  std::vector<kernels::View> d_;         // by stage: gradient with respect to z, or on the way to it
  std::vector<kernels::View> d_direct_;  // where z is normalised: the part of those who read it as it is
  std::vector<BlockSums> bias_sums_;     // by stage
  std::vector<BlockSums> norm_sums_;     // by stage, of the batch norm that reads its result
  std::vector<AlignedBuffer<float>> lane_gradients_;  // by stage: [lanes, packed weight] of a convolution
  struct BlockGradients {
    AlignedBuffer<float> source, pooled;  // [tile rows, …]: d of a prologue's result, and of that pooled
    AlignedBuffer<float> weight;          // packed: of one block
  };
  std::vector<BlockGradients> block_gradients_;  // by worker
  std::vector<TaskQueue> slice_queues_;          // by stage
  kernels::View d_tables_;                       // [largest batch, the first stage's table inputs]
  AlignedBuffer<float> table_weight_;            // the first stage's weights of them, without gaps
  TaskQueue table_queue_;
  std::vector<RunningSlot> running_;
  bool going_on_ = false;

  // By stage whose lanes are added up: the sums of this rank's nodes, and with several ranks that of all.
  struct StageLanes {
    AlignedBuffer<float> nodes, total;
  };
  std::vector<StageLanes> stage_lanes_;
  std::vector<AlignedBuffer<float>> lane_scratch_;  // by worker: [levels of the tree, largest slice]
};

}  // namespace ztilde
