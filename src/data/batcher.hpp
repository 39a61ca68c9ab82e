// The batches of an epoch: shuffled row numbers, no row copied. Batch and RowSource are in plan/batch.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/batch_planner.hpp"
#include "data/shuffle.hpp"
#include "data/window_order.hpp"
#include "plan/batch.hpp"

namespace ztilde {

class Batcher {
 public:
  // rows: the row numbers to train on, of a source that outlives the batcher; where not all of them are in
  // memory they ascend, and windows are what `windows` says. weights: as Batch::weights.
  Batcher(RowSource source, const float* targets, std::vector<std::uint32_t> rows, const BatchPlan& plan,
          std::uint64_t seed, const float* weights = nullptr, const WindowOrder& windows = {})
      : source_(source),
        targets_(targets),
        weights_(weights),
        rows_(std::move(rows)),
        order_(rows_.size()),
        plan_(plan),
        windows_(windows),
        seed_(seed) {}

  void begin_epoch(std::uint64_t epoch);
  // Its rows are held until the next batch, or whatever else holds rows.
  Batch batch(std::size_t index) {
    if (source_.keeper) hold(plan_.first_row(index), plan_.size(index));
    return {source_, order_.data() + plan_.first_row(index), plan_.size(index), targets_, weights_};
  }
  // All rows, in their own order.
  Batch all() const { return {source_, rows_.data(), rows_.size(), targets_, weights_}; }

  const BatchPlan& plan() const { return plan_; }

 private:
  // The windows that have these rows of the epoch; once it is a single one, the next is read meanwhile.
  void hold(std::size_t first_row, std::size_t rows);

  RowSource source_;
  const float* targets_;
  const float* weights_;
  std::vector<std::uint32_t> rows_, order_;
  BatchPlan plan_;
  WindowOrder windows_;
  std::uint64_t seed_;
  std::vector<std::size_t> window_ends_;  // in order_
  std::size_t held_first_ = 0, held_last_ = 0;
  std::uint64_t held_ = 0;  // the keeper's number of that hold; 0: none of this epoch
};

}  // namespace ztilde
