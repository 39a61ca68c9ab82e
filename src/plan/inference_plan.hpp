// A network in use: all statistics known, hence no cuts. A block of rows goes from the input to
// the output while it is in cache; a row's result does not depend on the rows beside it.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "base/team.hpp"
#include "plan/batch_forward.hpp"

namespace ztilde {

class InferencePlan {
 public:
  // parameters, statistics: the arenas, copied into the form that is fastest to use; call refresh()
  // after they changed. largest_batch bounds the rows of one run only to save memory and preparation. ranks:
  // processes that all run the same rows; each computes a part of them, and tells the others its outputs.
  InferencePlan(const Network& network, std::size_t largest_batch, std::size_t workers,
                const float* parameters, const double* statistics, Exchange* ranks = nullptr);

  void refresh();
  // The statistics of the batch norm that reads stage s alone.
  void refresh_norm(std::size_t s);

  // Calls consume(worker, block, first_row, outputs) once for each block of rows, from the
  // worker that computed it. `outputs` [block rows, outputs] is the plan's, valid during the call
  // and free to overwrite. With ranks, every one of them gets all blocks, and no `look`; throws Error(io)
  // where one does not answer.
  using Consume = std::function<void(const Worker&, std::size_t, std::size_t, kernels::View)>;
  // And look(stage, first_row, z), where there is one, with each stage's z of a block before the next
  // reads it: without its inner activation.
  using Look = std::function<void(std::size_t, std::size_t, kernels::ConstView)>;
  void run(Team& team, const Batch& batch, const Consume& consume, const Look& look = {});
  // The same up to stage s, whose z it gives: [block rows · pixels, channels], without its inner activation.
  // Requires rows that are held.
  // Where z of a stage is there for all rows, it begins behind that; no stage that follows looks past it.
  // blocks: of these alone, whatever the ranks.
  struct Start {
    std::size_t stage = 0;
    const float* z = nullptr;  // [rows · pixels, channels]; null: it begins with the rows
  };
  void run_up_to(Team& team, std::size_t s, const Batch& batch, PartRange blocks, const Consume& consume,
                 const Look& look, const Start& start);

  const std::vector<Stage>& stages() const { return stages_; }
  Cut blocks(std::size_t rows) const { return blocks_of(stages_, rows); }
  static Cut blocks_of(const std::vector<Stage>& stages, std::size_t rows);
  // As many workers as there is work for, at most `threads` (0: all cores).
  static std::size_t workers_for(const Network& network, std::size_t rows, std::size_t threads);
  std::size_t bytes() const;

 private:
  void prepare_contractions(std::size_t largest_batch);
  void place_scratch(std::size_t workers);
  void run_by_ranks(Team& team, const Batch& batch, PartRange range, const Consume& consume);
  void run_blocks(const Worker& worker, const PartRange& range, const Start& start, std::size_t stages,
                  const Batch& batch, const Consume& consume, const Look& look);
  // All workers on the only row, each with some outputs of every stage.
  void run_one_row(const Worker& worker, const Batch& batch, const Consume& consume, const Look& look);
  // z of stage s for rows from first_row on, from the z of those before.
  void run_stage(const Worker& worker, std::size_t s, const Batch& batch, std::size_t first_row,
                 std::size_t rows, std::size_t size_index);
  // What the prologue of stage s gives before it is pooled. z(stage): the z it may read.
  template <class Z>
  void prologue(std::size_t s, const Batch& batch, std::size_t first_row, const Z& z,
                kernels::View out) const;
  kernels::View z_of(const Worker& worker, std::size_t s, std::size_t rows);

  Exchange* ranks_;
  std::vector<Stage> stages_;
  std::vector<StageTensors> tensors_;
  const float* parameters_;
  const double* statistics_;
  // Of an Encode layer, whose numbers come first in both arenas: its tables and fixed numbers.
  AlignedBuffer<float> tables_;
  AlignedBuffer<double> encoding_;
  Encoder encoder_;
  std::vector<std::size_t> statistic_offsets_;  // by stage, of the batch norm that reads its result
  std::vector<NormState> norms_;                // by stage, the same
  std::size_t input_statistics_ = 0;            // of Standardise
  InputNorm input_norm_;
  struct Packed {
    AlignedBuffer<float> weight, bias;  // as kernels::pack_weights or a convolution lays them out; [outputs]
  };
  std::vector<Packed> packed_;  // by stage
  ProductCache cache_;
  std::vector<std::size_t> block_sizes_;  // ascending; a block is padded to the next
  struct Contraction {
    const kernels::Product* product = nullptr;
    const kernels::Convolution* convolution = nullptr;
    std::optional<kernels::Pooling> pooling = {};
  };
  std::vector<std::vector<Contraction>> contractions_;  // by block size, by stage
  struct Scratch {
    AlignedBuffer<float> source, pooled;
    AlignedBuffer<float> z;  // every stage's, placed by lifetime
    AlignedBuffer<std::byte> product;
  };
  std::vector<Scratch> scratch_;        // by worker
  std::vector<std::size_t> z_offsets_;  // by stage
  AlignedBuffer<float> row_z_[2];       // one row's z, of stages in turn
};

}  // namespace ztilde
