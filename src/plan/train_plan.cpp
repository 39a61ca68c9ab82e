#include "plan/train_plan.hpp"

#include <algorithm>
#include <cmath>

#include "plan/memory.hpp"
#include "ztilde/batch_norm.hpp"

namespace ztilde {

using kernels::ConstView;
using kernels::View;

namespace {

template <class Visit>
void for_blocks(const BatchProducts& products, const Tile& tile, const Visit& visit) {
  for (std::size_t block = tile.first_block; block < tile.end_block; ++block) {
    visit(block, products.blocks.first(block) - tile.first_row, products.blocks.size(block));
  }
}

}  // namespace

TrainPlan::TrainPlan(const Network& network, const std::vector<std::size_t>& batch_sizes, std::size_t workers,
                     const float* parameters, float* gradients, const double* fixed_statistics,
                     std::uint64_t seed)
    : forward_(network, batch_sizes, workers, parameters, gradients, fixed_statistics, true, seed),
      table_queue_(workers) {
  const std::vector<Stage>& stages = forward_.stages();
  const std::size_t count = stages.size();
  const std::size_t rows = forward_.largest_batch();
  for (std::size_t s = 0; s < count; ++s) slice_queues_.emplace_back(workers);
  std::size_t blocks = 0;
  for (const std::size_t size : batch_sizes) blocks = std::max(blocks, forward_.products(size).blocks.parts);

  // Time s: forward stage s. Time backward_time(s): the tiles of backward stage s. Its weight gradient,
  // which reads d of this stage and its source, comes before those of the stage below or beside them, or
  // in the middle of its own.
  const BackwardOrder& order = forward_.order();
  const auto backward_time = [&](std::size_t s) { return count + 2 * (count - 1 - s) + 1; };
  const auto weights_time = [&](std::size_t s) { return backward_time(s) + (order.weights_first ? 1 : 2); };
  std::vector<Lifetime> lifetimes;
  for (std::size_t s = 0; s < count; ++s) {
    const std::size_t size = rows * row_stride(stages[s].outputs);
    const bool above_finishes_first = s + 1 < count && s + 1 == order.finishes_first;
    lifetimes.push_back({size, s, order.keeps_source[s] ? weights_time(s) : backward_time(s)});
    lifetimes.push_back(
        {size, s + 1 == count ? count - 1 : backward_time(s + 1) + above_finishes_first, weights_time(s)});
  }
  const std::size_t table_inputs = stages[0].table_inputs();
  if (table_inputs > 0) {
    lifetimes.push_back({rows * row_stride(table_inputs), backward_time(0), weights_time(0)});
  }
  const Placement placement = place(lifetimes);
  memory_ = AlignedBuffer<float>(placement.total);
  std::vector<View> z;
  for (std::size_t s = 0; s < count; ++s) {
    const std::size_t channels = stages[s].outputs;
    z.emplace_back(memory_.data() + placement.offsets[2 * s], rows, channels, row_stride(channels));
    d_.emplace_back(memory_.data() + placement.offsets[2 * s + 1], rows, channels, row_stride(channels));
    bias_sums_.push_back(stages[s].bias ? BlockSums(blocks, channels, false) : BlockSums());
    norm_sums_.push_back(stages[s].norm == StageNorm::batch ? BlockSums(blocks, stages[s].inputs, true)
                                                            : BlockSums());
  }
  forward_.set_z(std::move(z));
  d_tables_ = View(memory_.data() + placement.offsets.back(), rows, table_inputs, row_stride(table_inputs));
  if (stages[0].dense_layer) table_weight_ = AlignedBuffer<float>(stages[0].outputs * table_inputs);

  const std::vector<StatisticSlot> slots = statistic_slots(network);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    for (std::size_t s = 0; s < count; ++s) {
      if (stages[s].norm != StageNorm::batch || stages[s].norm_layer != slots[i].layer) continue;
      running_.push_back({s, i, slots[i], std::get<BatchNorm>(network.layers[slots[i].layer])});
    }
  }
}

void TrainPlan::begin(std::uint64_t step) {
  forward_.begin(step);
  for (TaskQueue& queue : slice_queues_) queue.refill();
  table_queue_.refill();
}

ConstView TrainPlan::output(std::size_t first_row, std::size_t rows) const {
  return forward_.z(stages().size() - 1, first_row, rows);
}

View TrainPlan::output_gradient(std::size_t first_row, std::size_t rows) const {
  return d_.back().block(first_row, rows);
}

void TrainPlan::run_backward(const Worker& worker, const Batch& batch) {
  const BatchProducts& products = forward_.products(batch.rows);
  Stopwatch& watch = forward_.scratch[worker.index].watch;
  const auto wait = [&] {
    worker.sync();
    watch.lap(Work::other);
  };
  const auto weight_gradient = [&](std::size_t s) {
    const std::vector<Slice>& slices = products.stages[s].weight_gradient;
    slice_queues_[s].take(worker, slices.size(),
                          [&](std::size_t slice) { weight_gradient_slice(worker, s, batch, slices[slice]); });
  };
  const BackwardOrder& order = forward_.order();
  watch.lap(Work::other);
  for (std::size_t s = stages().size(); s-- > 0;) {
    const bool above = s + 1 < stages().size() && s + 1 != order.finishes_first;
    // The stage above may make its source from z of this one, which is about to be overwritten.
    const bool above_first =
        above && (order.weights_first || (order.keeps_source[s] && !order.keeps_source[s + 1]));
    if (above_first) {
      weight_gradient(s + 1);
      wait();
    }
    if (s == 0 && table_weight_.size() > 0) {
      worker.sync([&] {
        const Stage& stage = stages()[0];
        copy_rows(
            {forward_.tensors[0].weight + stage.tables, stage.outputs, stage.table_inputs(), stage.inputs},
            {table_weight_.data(), stage.outputs, stage.table_inputs()});
      });
      watch.lap(Work::other);
    }
    const std::vector<Tile>& tiles = products.tiles[worker.index];
    if (s > 0 && s == order.finishes_first) {
      for (const Tile& tile : tiles) finish_gradient(worker, s, products, tile);
      wait();
      weight_gradient(s);
      wait();
      for (const Tile& tile : tiles) go_below(worker, s, products, tile, batch);
    } else {
      for (const Tile& tile : tiles) {
        finish_gradient(worker, s, products, tile);
        if (s > 0) {
          go_below(worker, s, products, tile, batch);
        } else if (stages()[0].table_inputs() > 0) {
          table_input_gradient(worker, products, tile, batch);
        }
      }
    }
    if (above && !above_first) weight_gradient(s + 1);
    worker.sync([&] {
      watch.lap(Work::other);
      const StageTensors& t = forward_.tensors[s];
      if (stages()[s].bias) {
        merge_column_sums(bias_sums_[s], products.blocks, t.d_bias);
        watch.lap(Work::products);
      }
      if (stages()[s].norm == StageNorm::batch) {
        forward_.norms[s].merge_backward(norm_sums_[s], products.blocks, forward_.weights(), t.d_gamma,
                                         t.d_beta);
        watch.lap(Work::normalisation);
      }
    });
    watch.lap(Work::other);
  }
  weight_gradient(0);
  const std::span<const TableSlice> tables = forward_.encoder().table_slices();
  const kernels::Affine affine = forward_.norms[0].affine(stages()[0].tables);
  table_queue_.take(worker, tables.size(), [&](std::size_t slice) {
    forward_.encoder().table_gradient(tables[slice], batch, d_tables_.block(0, batch.rows), affine.scale);
    watch.lap(Work::data);
  });
  wait();
}

void TrainPlan::finish_gradient(const Worker& worker, std::size_t s, const BatchProducts& products,
                                const Tile& tile) {
  const Stage& stage = stages()[s];
  const std::size_t first = tile.first_row, rows = tile.rows;
  const View d = d_[s].block(first, rows);
  WorkerScratch& mine = forward_.scratch[worker.index];
  // The stage above left the gradient with respect to its normalised values; go through the
  // normalisation and the inner activation to z.
  if (stage.sums) {
    const NormState& norm = forward_.norms[s + 1];
    const ConstView x = forward_.inner(s, first, rows, mine.inner.data());
    if (forward_.weights().used) {
      kernels::weighted_input_gradient(x, forward_.weights().of_row.data() + first, norm.input_gradient(), d);
    } else {
      kernels::input_gradient(x, norm.input_gradient(), d);
    }
    if (stage.inner_activation != ActivationKind::identity) {
      kernels::activate_backward(forward_.z(s, first, rows), stage.inner_activation, d);
    }
    mine.watch.lap(Work::normalisation);
  }
  if (stage.bias) {
    for_blocks(products, tile, [&](std::size_t block, std::size_t row, std::size_t count) {
      kernels::column_sums(d.block(row, count), bias_sums_[s].sum_of(block));
    });
    mine.watch.lap(Work::products);
  }
}

void TrainPlan::go_below(const Worker& worker, std::size_t s, const BatchProducts& products, const Tile& tile,
                         const Batch& batch) {
  const Stage& stage = stages()[s];
  const std::size_t first = tile.first_row, rows = tile.rows;
  WorkerScratch& mine = forward_.scratch[worker.index];
  const View d = d_[s].block(first, rows);
  const View d_below = d_[s - 1].block(first, rows);
  if (stage.dense_layer) {
    products.stages[s].input_gradient[tile.product]->run(
        worker.index, d_below.data, forward_.tensors[s].weight, nullptr, d.data, mine.product.data());
  } else {
    copy_rows(d, d_below);
  }
  mine.watch.lap(Work::products);
  forward_.drop_out(stage, first, 0, d_below, mine.watch);
  const View kept = forward_.order().keeps_source[s] ? forward_.z(s, first, rows) : View();
  if (stage.norm == StageNorm::batch) {
    const ConstView x = forward_.inner(s - 1, first, rows, mine.inner.data());
    for_blocks(products, tile, [&](std::size_t block, std::size_t row, std::size_t count) {
      kernels::normalise_activate_backward(x.block(row, count), forward_.norms[s].affine(), stage.activation,
                                           d_below.block(row, count), norm_sums_[s].sum_of(block),
                                           norm_sums_[s].squares_of(block),
                                           kept.data ? kept.block(row, count) : kept);
    });
    mine.watch.lap(Work::normalisation);
    if (kept.data) forward_.drop_out(stage, first, 0, kept, mine.watch);
    return;
  }
  if (stage.activation != ActivationKind::identity) {
    kernels::activate_backward(forward_.z(s - 1, first, rows), stage.activation, d_below);
    mine.watch.lap(Work::normalisation);
  }
  if (!kept.data) return;
  const ConstView source =
      forward_.source(s, batch, first, rows, 0, stage.inputs, kept.row_stride, kept.data, mine.watch);
  if (source.data != kept.data) copy_rows(source, kept);
}

void TrainPlan::table_input_gradient(const Worker& worker, const BatchProducts& products, const Tile& tile,
                                     const Batch& batch) {
  const Stage& stage = stages()[0];
  WorkerScratch& mine = forward_.scratch[worker.index];
  ConstView d = d_[0].block(tile.first_row, tile.rows);
  const View d_tables = d_tables_.block(tile.first_row, tile.rows);
  if (stage.dense_layer) {
    products.stages[0].input_gradient[tile.product]->run(worker.index, d_tables.data, table_weight_.data(),
                                                         nullptr, d.data, mine.product.data());
  } else {
    d.data += stage.tables;
    d.channels = stage.table_inputs();
    copy_rows(d, d_tables);
  }
  mine.watch.lap(Work::products);
  forward_.drop_out(stage, tile.first_row, stage.tables, d_tables, mine.watch);
  if (stage.activation == ActivationKind::identity) return;
  const View x(mine.source.data(), tile.rows, stage.table_inputs(), row_stride(stage.table_inputs()));
  forward_.inputs(batch, tile.first_row, stage.tables, x);
  kernels::activate_backward(x, stage.activation, d_tables);
  mine.watch.lap(Work::normalisation);
}

void TrainPlan::weight_gradient_slice(const Worker& worker, std::size_t s, const Batch& batch,
                                      const Slice& slice) {
  WorkerScratch& mine = forward_.scratch[worker.index];
  const StageTensors& tensors = forward_.tensors[s];
  if (forward_.order().keeps_source[s]) {
    slice.product->run(worker.index, forward_.z(s, 0, batch.rows).data,
                       tensors.d_weight + slice.first * stages()[s].inputs, nullptr, d_[s].data + slice.first,
                       mine.product.data());
    mine.watch.lap(Work::products);
    return;
  }
  const View x(mine.slice.data(), batch.rows, slice.channels, row_stride(slice.channels));
  const ConstView source =
      forward_.source(s, batch, 0, batch.rows, slice.first, slice.channels, x.row_stride, x.data, mine.watch);
  if (source.data != x.data) copy_rows(source, x);
  slice.product->run(worker.index, x.data, tensors.d_weight + slice.first, nullptr, d_[s].data,
                     mine.product.data());
  mine.watch.lap(Work::products);
}

void TrainPlan::update_running(std::size_t rows, std::span<double> statistics,
                               std::span<std::uint64_t> batches) {
  // Weighted rows are as many as would leave a mean as uncertain, and never so few that nothing is left.
  const RowWeights& weights = forward_.weights();
  const double counting = weights.used ? std::max(2.0, weights.total * weights.total / weights.squares)
                                       : static_cast<double>(rows);
  for (const RunningSlot& running : running_) {
    const NormState& norm = forward_.norms[running.stage];
    const std::size_t channels = running.slot.channels;
    const bool unbiased = running.layer.running_variance == VarianceKind::unbiased;
    batch_norm::update_running(norm.mean.span(), norm.variance.span(),
                               unbiased ? counting / (counting - 1) : 1.0, running.layer.keep,
                               statistics.subspan(running.slot.offset, channels),
                               statistics.subspan(running.slot.offset + channels, channels));
    ++batches[running.slot_index];
    watch(0).lap(Work::normalisation);
  }
}

std::optional<Fault> TrainPlan::first_fault(std::size_t rows) const {
  for (std::size_t s = 0; s < stages().size(); ++s) {
    const ConstView z = forward_.z(s, 0, rows);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < z.channels; ++c) {
        if (!std::isfinite(z(r, c)))
          return Fault{stages()[s].dense_layer.value_or(stages()[s].norm_layer), c};
      }
    }
  }
  return std::nullopt;
}

std::size_t TrainPlan::bytes() const {
  std::size_t bytes = memory_.size() * sizeof(float) + forward_.scratch_bytes();
  for (const BlockSums& sums : bias_sums_) bytes += sums.bytes();
  for (const BlockSums& sums : norm_sums_) bytes += sums.bytes();
  return bytes;
}

}  // namespace ztilde
