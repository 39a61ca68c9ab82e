// The batches of an epoch: shuffled row numbers, no row copied. Batch and RowSource are in plan/batch.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/batch_planner.hpp"
#include "data/shuffle.hpp"
#include "plan/batch.hpp"

namespace ztilde {

class Batcher {
 public:
  // rows: the row numbers to train on, of a source that outlives the batcher.
  // weights: as Batch::weights.
  Batcher(RowSource source, const float* targets, std::vector<std::uint32_t> rows, const BatchPlan& plan,
          std::uint64_t seed, const float* weights = nullptr)
      : source_(source),
        targets_(targets),
        weights_(weights),
        rows_(std::move(rows)),
        order_(rows_.size()),
        plan_(plan),
        seed_(seed) {}

  void begin_epoch(std::uint64_t epoch) { shuffle(rows_, seed_, epoch, order_); }
  Batch batch(std::size_t index) const {
    return {source_, order_.data() + plan_.first_row(index), plan_.size(index), targets_, weights_};
  }
  // All rows, in their own order.
  Batch all() const { return {source_, rows_.data(), rows_.size(), targets_, weights_}; }

  const BatchPlan& plan() const { return plan_; }

 private:
  RowSource source_;
  const float* targets_;
  const float* weights_;
  std::vector<std::uint32_t> rows_, order_;
  BatchPlan plan_;
  std::uint64_t seed_;
};

}  // namespace ztilde
