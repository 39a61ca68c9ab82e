#include "plan/train_plan.hpp"

#include <algorithm>
#include <cmath>

#include "plan/memory.hpp"
#include "ztilde/batch_norm.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

using kernels::ConstView;
using kernels::View;

TrainPlan::TrainPlan(const Network& network, const std::vector<std::size_t>& batch_sizes, std::size_t workers,
                     const float* parameters, float* gradients, const double* fixed_statistics,
                     std::uint64_t seed, PlanRanks ranks)
    : forward_(network, batch_sizes, workers, parameters, gradients, fixed_statistics, true, seed, ranks),
      table_queue_(workers) {
  const std::vector<Stage>& stages = forward_.stages();
  const std::size_t count = stages.size();
  for (std::size_t s = 0; s < count; ++s) slice_queues_.emplace_back(workers);
  std::size_t blocks = 0;
  for (const std::size_t size : batch_sizes) blocks = std::max(blocks, forward_.products(size).blocks.parts);
  place_buffers();
  for (const Stage& stage : stages) {
    bias_sums_.push_back(stage.bias ? BlockSums(blocks, stage.outputs, false) : BlockSums());
    norm_sums_.push_back(stage.sums ? BlockSums(blocks, stage.outputs, true) : BlockSums());
  }
  if (stages[0].dense_layer)
    table_weight_ = AlignedBuffer<float>(stages[0].outputs * stages[0].table_inputs());
  if (!is_chain_of_rows(stages)) make_block_gradients(batch_sizes, workers);
  if (ranks.exchange || std::ranges::any_of(stages, [](const Stage& s) { return s.conv_layer.has_value(); }))
    prepare_lanes(batch_sizes, workers);

  const std::vector<StatisticSlot> slots = statistic_slots(network);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    for (std::size_t s = 0; s < count; ++s) {
      if (!stages[s].sums || stages[s].norm_layer != slots[i].layer) continue;
      running_.push_back({s, i, slots[i], std::get<BatchNorm>(network.layers[slots[i].layer])});
    }
  }
}

void TrainPlan::place_buffers() {
  const std::vector<Stage>& stages = forward_.stages();
  const std::size_t count = stages.size(), rows = forward_.largest_batch();
  // Time t: the forward stages of group t. Then two for each group of backward stages, one for its tiles and
  // one in the middle of its own: a weight gradient, which reads d of its stage and its source, comes before
  // the tiles of the stages below or beside them, and a stage that finishes first reads d of all rows.
  const BackwardOrder& order = forward_.order();
  const std::vector<std::size_t>& groups = forward_.groups();
  std::vector<std::size_t> backward_group(count, 0);
  for (std::size_t s = count - 1; s-- > 0;) {
    backward_group[s] = backward_group[s + 1] + (goes_on_below(s + 1) ? 0 : 1);
  }
  const auto backward_time = [&](std::size_t s) { return groups.back() + 1 + 2 * backward_group[s] + 1; };
  const auto weights_time = [&](std::size_t s) {
    return backward_time(s) + (stages[s].conv_layer ? 0 : order.weights_first ? 1 : 2);
  };
  std::vector<Lifetime> lifetimes;
  for (std::size_t s = 0; s < count; ++s) {
    const std::size_t size = rows * stages[s].output.pixels() * row_stride(stages[s].outputs);
    const auto reader = stages[s].norm_reader ? stages[s].norm_reader : stages[s].last_direct_reader;
    const bool above_finishes_first = reader && order.finishes_first > 0 && *reader == order.finishes_first;
    const std::size_t born = reader ? backward_time(*reader) + above_finishes_first : groups.back();
    lifetimes.push_back({size, groups[s], order.keeps_source[s] ? weights_time(s) : backward_time(s)});
    lifetimes.push_back({size, born, weights_time(s)});
  }
  for (std::size_t s = 0; s < count; ++s) {
    if (!stages[s].norm_reader || !stages[s].last_direct_reader) continue;
    lifetimes.push_back(
        {lifetimes[2 * s].size, backward_time(*stages[s].last_direct_reader), backward_time(s)});
  }
  const std::size_t table_inputs = stages[0].table_inputs();
  if (table_inputs > 0) {
    lifetimes.push_back({rows * row_stride(table_inputs), backward_time(0), weights_time(0)});
  }
  const Placement placement = place(lifetimes);
  memory_ = AlignedBuffer<float>(placement.total);
  const auto view = [&](std::size_t buffer, const Stage& stage) {
    return View(memory_.data() + placement.offsets[buffer], rows * stage.output.pixels(), stage.outputs,
                row_stride(stage.outputs));
  };
  std::vector<View> z;
  std::size_t next = 2 * count;
  for (std::size_t s = 0; s < count; ++s) {
    z.push_back(view(2 * s, stages[s]));
    d_.push_back(view(2 * s + 1, stages[s]));
    const bool both = stages[s].norm_reader && stages[s].last_direct_reader;
    d_direct_.push_back(both ? view(next++, stages[s]) : View());
  }
  forward_.set_z(std::move(z));
  d_tables_ = View(memory_.data() + placement.offsets.back(), rows, table_inputs, row_stride(table_inputs));
}

void TrainPlan::make_block_gradients(const std::vector<std::size_t>& batch_sizes, std::size_t workers) {
  std::size_t images = 0, tile_rows = 0, lanes = 0;
  for (const std::size_t size : batch_sizes) {
    const BatchProducts& products = forward_.products(size);
    images = std::max(images, products.blocks.largest());
    tile_rows = std::max(tile_rows, products.largest_tile());
    lanes = std::max(lanes, products.lanes.parts);
  }
  std::size_t source = 0, pooled = 0, weight = 0;
  const std::vector<StageProducts>& products = forward_.products(batch_sizes.front()).stages;
  for (std::size_t s = 0; s < stages().size(); ++s) {
    const Stage& stage = stages()[s];
    source = std::max(source, (stage.works_on_pixels() ? images : tile_rows) * stage.source.size());
    if (stage.pool) pooled = std::max(pooled, images * stage.input.size());
    const std::size_t packed = stage.conv_layer ? products[s].convolve_weight.front()->packed_floats() : 0;
    weight = std::max(weight, packed);
    lane_gradients_.emplace_back(lanes * packed);
  }
  for (std::size_t w = 0; w < workers; ++w) {
    block_gradients_.push_back(
        {AlignedBuffer<float>(source), AlignedBuffer<float>(pooled), AlignedBuffer<float>(weight)});
  }
}

void TrainPlan::keep_statistics(std::span<const double> statistics) {
  for (const RunningSlot& running : running_) {
    const double* mean = statistics.data() + running.slot.offset;
    forward_.norms[running.stage].know(mean, mean + running.slot.channels);
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

void TrainPlan::update_running(std::size_t rows, std::span<double> statistics,
                               std::span<std::uint64_t> batches) {
  // Weighted rows are as many as would leave a mean as uncertain, and never so few that nothing is left.
  const RowWeights& weights = forward_.weights();
  const double counting = weights.used ? std::max(2.0, weights.total * weights.total / weights.squares)
                                       : static_cast<double>(rows);
  for (const RunningSlot& running : running_) {
    const NormState& norm = (forward_.apart() ? forward_.of_all : forward_.norms)[running.stage];
    if (forward_.norms[running.stage].known) continue;
    const std::size_t channels = running.slot.channels;
    const bool unbiased = running.layer.running_variance == VarianceKind::unbiased;
    const double numbers = counting * static_cast<double>(stages()[running.stage].output.pixels());
    batch_norm::update_running(norm.mean.span(), norm.variance.span(),
                               unbiased ? numbers / (numbers - 1) : 1.0, running.layer.keep,
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
          return Fault{stages()[s].weight_layer().value_or(stages()[s].x.norm_layer), c};
      }
    }
  }
  return std::nullopt;
}

void TrainPlan::prepare_lanes(const std::vector<std::size_t>& batch_sizes, std::size_t workers) {
  std::size_t nodes = 0, depth = 0, largest = 0;
  for (const std::size_t size : batch_sizes) {
    const BatchProducts& products = forward_.products(size);
    nodes = std::max(nodes, products.nodes[products.share.rank].size());
    depth = std::max(depth, tree_depth(products.lanes.parts));
  }
  const bool several = forward_.exchange() && forward_.exchange()->count() > 1;
  for (const StageProducts& stage : forward_.products(batch_sizes.front()).stages) {
    for (const Slice& slice : stage.weight_gradient) largest = std::max(largest, slice.floats);
    stage_lanes_.push_back({AlignedBuffer<float>(nodes * stage.weight_floats),
                            AlignedBuffer<float>(several ? stage.weight_floats : 0)});
  }
  for (std::size_t w = 0; w < workers; ++w) lane_scratch_.emplace_back((depth + 1) * largest);
}

std::size_t TrainPlan::bytes() const {
  std::size_t bytes = memory_.size() * sizeof(float) + forward_.scratch_bytes();
  for (const BlockSums& sums : bias_sums_) bytes += sums.bytes();
  for (const BlockSums& sums : norm_sums_) bytes += sums.bytes();
  for (const StageLanes& lanes : stage_lanes_)
    bytes += (lanes.nodes.size() + lanes.total.size()) * sizeof(float);
  for (const AlignedBuffer<float>& levels : lane_scratch_) bytes += levels.size() * sizeof(float);
  for (const AlignedBuffer<float>& lanes : lane_gradients_) bytes += lanes.size() * sizeof(float);
  for (const BlockGradients& mine : block_gradients_) {
    bytes += (mine.source.size() + mine.pooled.size() + mine.weight.size()) * sizeof(float);
  }
  return bytes;
}

}  // namespace ztilde
