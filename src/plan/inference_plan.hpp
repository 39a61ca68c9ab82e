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
  // after they changed. largest_batch bounds the rows of one run only to save memory and preparation.
  InferencePlan(const Network& network, std::size_t largest_batch, std::size_t workers,
                const float* parameters, const double* statistics);

  void refresh();

  // Calls consume(worker, block, first_row, outputs) once for each block of rows, from the
  // worker that computed it. `outputs` [block rows, outputs] is the plan's, valid during the call
  // and free to overwrite.
  using Consume = std::function<void(const Worker&, std::size_t, std::size_t, kernels::View)>;
  // And look(stage, first_row, z), where there is one, with each stage's z of a block before the next
  // reads it: without its inner activation.
  using Look = std::function<void(std::size_t, std::size_t, kernels::ConstView)>;
  void run(Team& team, const Batch& batch, const Consume& consume, const Look& look = {});

  static Cut blocks(std::size_t rows);
  // As many workers as there is work for, at most `threads` (0: all cores).
  static std::size_t workers_for(const Network& network, std::size_t rows, std::size_t threads);
  std::size_t bytes() const;

 private:
  void run_blocks(const Worker& worker, const Batch& batch, const Consume& consume, const Look& look);
  // All workers on the only row, each with some outputs of every stage.
  void run_one_row(const Worker& worker, const Batch& batch, const Consume& consume, const Look& look);
  // A stage's prologue: at most an inner activation of the stage before and one normalisation.
  void prologue(std::size_t s, const Batch& batch, std::size_t first_row, kernels::ConstView z,
                kernels::View out) const;

  std::vector<Stage> stages_;
  std::vector<StageTensors> tensors_;
  const float* parameters_;
  const double* statistics_;
  // Of an Encode layer, whose numbers come first in both arenas: its tables and fixed numbers.
  AlignedBuffer<float> tables_;
  AlignedBuffer<double> encoding_;
  Encoder encoder_;
  std::vector<std::size_t> statistic_offsets_;  // by stage
  std::vector<NormState> norms_;                // by stage
  struct Packed {
    AlignedBuffer<float> weight, bias;  // as kernels::pack_weights lays them out; [outputs]
  };
  std::vector<Packed> packed_;  // by stage
  ProductCache cache_;
  std::vector<std::size_t> block_sizes_;                        // ascending; a block is padded to the next
  std::vector<std::vector<const kernels::Product*>> products_;  // by block size, by stage
  struct Scratch {
    AlignedBuffer<float> source, z;
    AlignedBuffer<std::byte> product;
  };
  std::vector<Scratch> scratch_;   // by worker
  AlignedBuffer<float> row_z_[2];  // one row's z, of stages in turn
};

}  // namespace ztilde
