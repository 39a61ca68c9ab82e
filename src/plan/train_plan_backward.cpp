// The backward pass of TrainPlan: how it goes through the stages, and what it does to a tile's rows.
#include <algorithm>
#include <optional>
#include <vector>

#include "plan/train_plan.hpp"

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

void TrainPlan::run_backward(const Worker& worker, const Batch& batch) {
  const BatchProducts& products = forward_.products(batch.rows);
  Stopwatch& watch = forward_.scratch[worker.index].watch;
  // Stages whose weight gradients are done at the next barrier.
  PartRange made;
  const auto weight_gradients = [&](PartRange of) {
    for (std::size_t s = of.end; s-- > of.first;) {
      const std::vector<Slice>& slices = products.stages[s].weight_gradient;
      slice_queues_[s].take(worker, slices.size(), [&](std::size_t slice) {
        weight_gradient_slice(worker, s, batch, slices[slice]);
        go_on_with_sums();
      });
    }
    made = of;
  };
  const auto at_barrier = [&] {
    for (std::size_t s = made.end; s-- > made.first;) begin_sum(s, products);
  };
  const auto wait = [&] {
    worker.sync(at_barrier);
    made = {};
    watch.lap(Work::other);
  };
  const BackwardOrder& order = forward_.order();
  watch.lap(Work::other);
  PartRange last{stages().size(), stages().size()};  // the stages above, whose tiles are done
  while (last.first > 0) {
    // Stages end - 1 … s, all of them of images but where there is one.
    const std::size_t end = last.first;
    std::size_t s = end - 1;
    while (goes_on_below(s)) --s;
    const bool above = last.end > end && end != order.finishes_first;
    // The stage above may make its source from z of this one, which is about to be overwritten.
    const bool above_first =
        above && (order.weights_first || (order.keeps_source[s] && !order.keeps_source[end]));
    if (above_first) {
      weight_gradients(last);
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
    const bool on_pixels = stages()[s].works_on_pixels();
    const std::vector<Tile>& tiles = (on_pixels ? products.block_tiles : products.tiles)[worker.index];
    if (s > 0 && s == order.finishes_first) {
      for (const Tile& tile : tiles) finish_gradient(worker, s, products, tile);
      wait();
      weight_gradients({s, end});
      wait();
      for (const Tile& tile : tiles) {
        go_below(worker, s, products, tile, batch);
        go_on_with_sums();
      }
    } else {
      for (const Tile& tile : tiles) {
        for (std::size_t t = end; t-- > s;) {
          finish_gradient(worker, t, products, tile);
          if (stages()[t].x.stage || stages()[t].conv_layer) {
            go_below(worker, t, products, tile, batch);
          } else if (stages()[t].table_inputs() > 0) {
            table_input_gradient(worker, products, tile, batch);
          }
        }
        go_on_with_sums();
      }
    }
    if (above && !above_first) weight_gradients(last);
    worker.sync([&] {
      watch.lap(Work::other);
      at_barrier();
      share_sums(s, end, products);
      for (std::size_t t = s; t < end; ++t) {
        if (!stages()[t].bias || forward_.apart()) continue;
        merge_column_sums(bias_sums_[t], products.blocks, forward_.tensors[t].d_bias);
        watch.lap(Work::products);
      }
      for (const auto& operand : {std::optional(stages()[s].x), stages()[s].shortcut}) {
        if (!operand || operand->norm != StageNorm::batch) continue;
        const std::size_t normed = *operand->stage;
        NormState& norm = forward_.norms[normed];
        norm.merge_backward(norm_sums_[normed], products.blocks, forward_.normed_blocks(products),
                            forward_.weights(), stages()[normed].output.pixels());
        if (!forward_.apart()) write_norm_gradient(normed, norm.d_gamma_exact.span(), norm.sum_d.span());
        watch.lap(Work::normalisation);
      }
    });
    made = {};
    watch.lap(Work::other);
    last = {s, end};
  }
  weight_gradients(last);
  const std::span<const TableSlice> tables = forward_.encoder().table_slices();
  const kernels::Affine affine = forward_.input_norm().affine(stages()[0].tables);
  table_queue_.take(worker, tables.size(), [&](std::size_t slice) {
    forward_.encoder().table_gradient(tables[slice], batch, d_tables_.block(0, batch.rows), affine.scale);
    watch.lap(Work::data);
  });
  worker.sync([&] {
    at_barrier();
    if (forward_.apart()) share_apart(products);
  });
  watch.lap(Work::other);
  finish_sums(worker, products);
}

void TrainPlan::write_norm_gradient(std::size_t normed, std::span<const double> d_gamma,
                                    std::span<const double> d_beta) {
  const StageTensors& t = forward_.tensors[normed];
  for (std::size_t c = 0; c < d_gamma.size(); ++c) {
    if (t.d_gamma) t.d_gamma[c] = static_cast<float>(d_gamma[c]);
    if (t.d_beta) t.d_beta[c] = static_cast<float>(d_beta[c]);
  }
}

void TrainPlan::share_apart(const BatchProducts& products) {
  Exchange& exchange = *forward_.exchange();
  std::vector<SharedBytes> arrays;
  std::vector<std::vector<double>> by_rank(stages().size());  // d_gamma, then d_beta, of each rank
  for (std::size_t s = 0; s < stages().size(); ++s) {
    const NormState& norm = forward_.norms[s];
    const std::size_t numbers = 2 * norm.channels;
    if (numbers == 0) continue;
    by_rank[s].resize(exchange.count() * numbers);
    double* const own = by_rank[s].data() + exchange.rank() * numbers;
    std::ranges::copy(norm.d_gamma_exact.span(), own);
    std::ranges::copy(norm.sum_d.span(), own + norm.channels);
    std::vector<std::size_t> ends;
    for (std::size_t rank = 0; rank < exchange.count(); ++rank)
      ends.push_back((rank + 1) * numbers * sizeof(double));
    arrays.push_back({reinterpret_cast<std::byte*>(by_rank[s].data()), std::move(ends)});
  }
  forward_.share_apart(products, bias_sums_, std::move(arrays));
  for (std::size_t s = 0; s < stages().size(); ++s) {
    if (stages()[s].bias) merge_column_sums(bias_sums_[s], products.blocks, forward_.tensors[s].d_bias);
    const std::size_t channels = forward_.norms[s].channels;
    for (std::size_t rank = 1; rank < exchange.count() && channels > 0; ++rank) {
      for (std::size_t i = 0; i < 2 * channels; ++i) by_rank[s][i] += by_rank[s][rank * 2 * channels + i];
    }
    if (channels > 0)
      write_norm_gradient(s, std::span(by_rank[s]).first(channels),
                          std::span(by_rank[s]).subspan(channels, channels));
  }
}

void TrainPlan::share_sums(std::size_t s, std::size_t end, const BatchProducts& products) {
  if (!forward_.exchange()) return;
  std::vector<BlockSums*> sums;
  for (std::size_t t = s; t < end && !forward_.apart(); ++t) {
    if (stages()[t].bias) sums.push_back(&bias_sums_[t]);
  }
  for (const auto& operand : {std::optional(stages()[s].x), stages()[s].shortcut}) {
    if (operand && operand->norm == StageNorm::batch && !forward_.apart())
      sums.push_back(&norm_sums_[*operand->stage]);
  }
  const std::size_t features = s == 0 ? stages()[0].table_inputs() : 0;
  forward_.share(products, sums, features > 0 ? d_tables_ : View());
}

bool TrainPlan::goes_on_below(std::size_t s) const {
  if (s == 0) return false;
  const Stage& stage = stages()[s];
  const bool waits =
      stage.x.norm == StageNorm::batch || (stage.shortcut && stage.shortcut->norm == StageNorm::batch);
  return stage.works_on_pixels() && stages()[s - 1].works_on_pixels() && !waits;
}

void TrainPlan::finish_gradient(const Worker& worker, std::size_t s, const BatchProducts& products,
                                const Tile& tile) {
  const Stage& stage = stages()[s];
  const std::size_t first = tile.first_row, rows = tile.rows, pixels = stage.output.pixels();
  const View d = d_[s].block(first * pixels, rows * pixels);
  WorkerScratch& mine = forward_.scratch[worker.index];
  // The stage above left the gradient with respect to its normalised values; go through the
  // normalisation and the inner activation to z.
  if (stage.sums) {
    const NormState& norm = forward_.norms[s];
    const ConstView x = forward_.inner(s, first, rows, mine.inner.data());
    if (forward_.weights().used) {
      kernels::weighted_input_gradient(x, forward_.weights_of(s, first, rows, mine), norm.input_gradient(),
                                       d);
    } else {
      kernels::input_gradient(x, norm.input_gradient(), d);
    }
    if (d_direct_[s].data) kernels::add(d_direct_[s].block(first * pixels, rows * pixels), d);
    if (stage.inner_activation != ActivationKind::identity) {
      kernels::activate_backward(forward_.z(s, first, rows), stage.inner_activation, d);
    }
    mine.watch.lap(Work::normalisation);
  }
  if (stage.bias) {
    for_blocks(products, tile, [&](std::size_t block, std::size_t row, std::size_t count) {
      kernels::column_sums(d.block(row * pixels, count * pixels), bias_sums_[s].sum_of(block));
    });
    mine.watch.lap(Work::products);
  }
}

View TrainPlan::operand_gradient(const Operand& x, std::size_t first_row, std::size_t rows) const {
  const std::size_t s = *x.stage, pixels = stages()[s].output.pixels();
  const bool direct = x.norm != StageNorm::batch && d_direct_[s].data;
  return (direct ? d_direct_[s] : d_[s]).block(first_row * pixels, rows * pixels);
}

bool TrainPlan::adds_to_operand(std::size_t s, const Operand& x) const {
  return x.norm != StageNorm::batch && *stages()[*x.stage].last_direct_reader != s;
}

void TrainPlan::convolution_backward(const Worker& worker, std::size_t s, const BatchProducts& all,
                                     const Tile& tile, ConstView source, View d_source) {
  WorkerScratch& mine = forward_.scratch[worker.index];
  const StageProducts& products = all.stages[s];
  const View d = d_[s].block(tile.first_row * stages()[s].output.pixels(), 1);
  const kernels::Convolution& weight_gradient = *products.convolve_weight[tile.product];
  const std::size_t lane = all.lane_of(tile.first_block), packed = weight_gradient.packed_floats();
  float* const of_lane = lane_gradients_[s].data() + lane * packed;
  float* const of_block = block_gradients_[worker.index].weight.data();
  const bool first_of_lane = all.lanes.first(lane) == tile.first_block;
  weight_gradient.run(worker.index, source.data, first_of_lane ? of_lane : of_block, nullptr, d.data,
                      mine.product.data());
  if (!first_of_lane) kernels::add({of_block, 1, packed}, {of_lane, 1, packed});
  if (d_source.data) {
    products.convolve_back[tile.product]->run(worker.index, d_source.data, forward_.packed_back(s), nullptr,
                                              d.data, mine.product.data());
  }
  mine.watch.lap(Work::products);
}

void TrainPlan::contraction_backward(const Worker& worker, std::size_t s, const BatchProducts& all,
                                     const Tile& tile, const Batch& batch, View d_source) {
  const Stage& stage = stages()[s];
  const StageProducts& products = all.stages[s];
  WorkerScratch& mine = forward_.scratch[worker.index];
  const std::size_t first = tile.first_row, rows = tile.rows, pixels = stage.output.pixels();
  const View d = d_[s].block(first * pixels, rows * pixels);
  if (!stage.works_on_pixels()) {
    if (stage.dense_layer) {
      products.input_gradient[tile.product]->run(worker.index, d_source.data, forward_.tensors[s].weight,
                                                 nullptr, d.data, mine.product.data());
    } else if (d.data != d_source.data) {
      copy_rows(d, d_source);
    }
    mine.watch.lap(Work::products);
    return;
  }
  View d_pooled = d_source;
  if (stage.pool) {
    d_pooled = View(block_gradients_[worker.index].pooled.data(), rows * stage.input.pixels(),
                    stage.source.channels);
  }
  // Made again where something reads it: a weight gradient, or the pooling for the places of the largest.
  if (stage.conv_layer || (stage.pool && stage.pool->largest)) {
    const ConstView source = forward_.source(s, batch, first, rows, 0, stage.source.channels,
                                             stage.source.channels, mine.source.data(), mine);
    const ConstView input = forward_.pooled(s, products, tile, source, worker.index);
    if (stage.conv_layer)
      convolution_backward(worker, s, all, tile, input, stage.x.stage ? d_pooled : View());
  }
  if (!stage.conv_layer) std::copy_n(d.data, d.rows * d.channels, d_pooled.data);
  if (!stage.pool || !stage.x.stage) return;
  products.pool[tile.product].backward(d_pooled.data, d_source.data, mine.places.data());
  mine.watch.lap(Work::normalisation);
}

void TrainPlan::sum_norm(std::size_t s, const BatchProducts& products, const Tile& tile, const Operand& x,
                         ActivationKind activation, View d, View kept, View moved, WorkerScratch& mine) {
  const std::size_t pixels = stages()[s].source.pixels();
  const ConstView z = forward_.inner(*x.stage, tile.first_row, tile.rows, mine.inner.data());
  BlockSums& sums = norm_sums_[*x.stage];
  for_blocks(products, tile, [&](std::size_t block, std::size_t row, std::size_t count) {
    const std::size_t first = row * pixels, all = count * pixels;
    kernels::normalise_activate_backward(z.block(first, all), forward_.norms[*x.stage].affine(), activation,
                                         d.block(first, all), sums.sum_of(block), sums.squares_of(block),
                                         kept.data ? kept.block(first, all) : kept,
                                         moved.data ? moved.block(first, all) : moved);
  });
}

void TrainPlan::split_gradient(const Worker& worker, std::size_t s, const BatchProducts& products,
                               const Tile& tile, View d_source) {
  const Stage& stage = stages()[s];
  WorkerScratch& mine = forward_.scratch[worker.index];
  if (stage.activation != ActivationKind::identity) {
    const View sum = forward_.before_activation(s, tile.first_row, tile.rows, mine.source.data(), mine);
    kernels::activate_backward(sum, stage.activation, d_source);
  }
  bool both_direct_of_one = false;
  for (const Operand& operand : {stage.x, *stage.shortcut}) {
    const View target = operand_gradient(operand, tile.first_row, tile.rows);
    if (adds_to_operand(s, operand) || both_direct_of_one) {
      kernels::add(d_source, target);
    } else {
      copy_rows(d_source, target);
    }
    if (operand.norm == StageNorm::batch) {
      sum_norm(s, products, tile, operand, ActivationKind::identity, target, {}, {}, mine);
    }
    both_direct_of_one = stage.x.stage == stage.shortcut->stage && stage.x.norm == stage.shortcut->norm;
  }
  mine.watch.lap(Work::normalisation);
}

void TrainPlan::go_below(const Worker& worker, std::size_t s, const BatchProducts& products, const Tile& tile,
                         const Batch& batch) {
  const Stage& stage = stages()[s];
  const std::size_t first = tile.first_row, rows = tile.rows;
  WorkerScratch& mine = forward_.scratch[worker.index];
  if (!stage.x.stage) return contraction_backward(worker, s, products, tile, batch, {});
  const bool adds = adds_to_operand(s, stage.x);
  View d_below = operand_gradient(stage.x, first, rows);
  View moved;
  if (stage.x.norm == StageNorm::batch && forward_.moves(*stage.x.stage) && !stage.shortcut) moved = d_below;
  if (stage.shortcut || adds || moved.data)
    d_below = View(block_gradients_[worker.index].source.data(), rows * stage.source.pixels(),
                   stage.source.channels);
  contraction_backward(worker, s, products, tile, batch, d_below);
  forward_.drop_out(stage, first, 0, d_below, mine.watch);
  if (stage.shortcut) return split_gradient(worker, s, products, tile, d_below);
  const View kept = forward_.order().keeps_source[s] ? forward_.z(s, first, rows) : View();
  if (stage.x.norm == StageNorm::batch) {
    sum_norm(s, products, tile, stage.x, stage.activation, d_below, kept, moved, mine);
    mine.watch.lap(Work::normalisation);
    if (kept.data) forward_.drop_out(stage, first, 0, kept, mine.watch);
    return;
  }
  if (stage.activation != ActivationKind::identity) {
    kernels::activate_backward(forward_.z(*stage.x.stage, first, rows), stage.activation, d_below);
    mine.watch.lap(Work::normalisation);
  }
  if (adds) {
    kernels::add(d_below, operand_gradient(stage.x, first, rows));
    mine.watch.lap(Work::normalisation);
  }
  if (!kept.data) return;
  const ConstView source =
      forward_.source(s, batch, first, rows, 0, stage.inputs, kept.row_stride, kept.data, mine);
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
  if (adds_lanes(s)) return lane_slice(worker, s, batch, slice);
  WorkerScratch& mine = forward_.scratch[worker.index];
  const StageTensors& tensors = forward_.tensors[s];
  if (forward_.order().keeps_source[s]) {
    slice.products.front()->run(worker.index, forward_.z(s, 0, batch.rows).data,
                                tensors.d_weight + slice.first * stages()[s].inputs, nullptr,
                                d_[s].data + slice.first, mine.product.data());
    mine.watch.lap(Work::products);
    return;
  }
  const View x(mine.slice.data(), batch.rows, slice.channels, row_stride(slice.channels));
  const ConstView source =
      forward_.source(s, batch, 0, batch.rows, slice.first, slice.channels, x.row_stride, x.data, mine);
  if (source.data != x.data) copy_rows(source, x);
  slice.products.front()->run(worker.index, x.data, tensors.d_weight + slice.first, nullptr, d_[s].data,
                              mine.product.data());
  mine.watch.lap(Work::products);
}

void TrainPlan::lane_product(const Worker& worker, std::size_t s, const Batch& batch, const Slice& slice,
                             std::size_t lane, float* out) {
  WorkerScratch& mine = forward_.scratch[worker.index];
  const BatchProducts& products = forward_.products(batch.rows);
  if (stages()[s].conv_layer) {
    std::copy_n(lane_gradients_[s].data() + lane * products.stages[s].weight_floats + slice.offset,
                slice.floats, out);
    return;
  }
  const auto [first, end] = products.rows_of_lane(lane);
  const std::size_t rows = end - first;
  const auto of_so_many = std::ranges::find(products.lane_rows, rows) - products.lane_rows.begin();
  const kernels::Product& product = *slice.products[static_cast<std::size_t>(of_so_many)];
  if (forward_.order().keeps_source[s]) {
    product.run(worker.index, forward_.z(s, first, rows).data, out, nullptr,
                d_[s].block(first, rows).data + slice.first, mine.product.data());
  } else {
    const View x(mine.slice.data(), rows, slice.channels, row_stride(slice.channels));
    const ConstView source =
        forward_.source(s, batch, first, rows, slice.first, slice.channels, x.row_stride, x.data, mine);
    if (source.data != x.data) copy_rows(source, x);
    product.run(worker.index, x.data, out, nullptr, d_[s].block(first, rows).data, mine.product.data());
  }
  mine.watch.lap(Work::products);
}

void TrainPlan::lane_slice(const Worker& worker, std::size_t s, const Batch& batch, const Slice& slice) {
  const BatchProducts& products = forward_.products(batch.rows);
  float* of_node = stage_lanes_[s].nodes.data() + slice.offset;
  const auto buffer = [&](std::size_t level) {
    return level == 0 ? of_node : lane_scratch_[worker.index].data() + (level - 1) * slice.floats;
  };
  const auto known = [&](LaneRange node, std::size_t level) -> const float* {
    if (node.lanes() > 1) return nullptr;
    lane_product(worker, s, batch, slice, node.first, buffer(level));
    return buffer(level);
  };
  const auto add = [&](const float*, const float* right, std::size_t level) {  // left is in the buffer
    kernels::add({right, 1, slice.floats}, {buffer(level), 1, slice.floats});
    return buffer(level);
  };
  for (const LaneRange& node : products.nodes[products.share.rank]) {
    sum_of_node(node, 0, known, add);
    of_node += products.stages[s].weight_floats;
  }
  forward_.scratch[worker.index].watch.lap(Work::products);
}

void TrainPlan::begin_sum(std::size_t s, const BatchProducts& products) {
  Exchange* const exchange = forward_.exchange();
  if (!exchange || exchange->count() == 1 || products.stages[s].weight_gradient.empty()) return;
  LaneSum sum;
  sum.floats = products.stages[s].weight_floats;
  sum.own = stage_lanes_[s].nodes.data();
  sum.total = stage_lanes_[s].total.data();
  sum.lanes = products.lanes.parts;
  for (const std::vector<LaneRange>& nodes : products.nodes) {
    sum.all.insert(sum.all.end(), nodes.begin(), nodes.end());
    sum.of_rank.push_back(nodes.size());
  }
  exchange->begin_sum(sum);
}

void TrainPlan::finish_sums(const Worker& worker, const BatchProducts& products) {
  if (stage_lanes_.empty()) return;
  Stopwatch& watch = forward_.scratch[worker.index].watch;
  if (forward_.exchange()) {
    worker.sync([&] { forward_.exchange()->finish_sums(); });
    watch.lap(Work::other);
  }
  for (std::size_t s = 0, turn = 0; s < stages().size(); ++s) {
    const Stage& stage = stages()[s];
    const std::vector<Slice>& slices = products.stages[s].weight_gradient;
    if (slices.empty() || !adds_lanes(s)) continue;
    const StageLanes& lanes = stage_lanes_[s];
    const float* const sum = (lanes.total.size() > 0 ? lanes.total : lanes.nodes).data();
    if (stage.conv_layer) {
      if (turn++ % worker.count == worker.index)
        products.stages[s].convolve_weight.front()->unpack_gradient(worker.index, sum,
                                                                    forward_.tensors[s].d_weight);
      continue;
    }
    worker.share(slices.size(), [&](std::size_t i) {
      const Slice& slice = slices[i];
      float* const d_weight = forward_.tensors[s].d_weight;
      if (forward_.order().keeps_source[s]) {
        std::copy_n(sum + slice.offset, slice.floats, d_weight + slice.first * stage.inputs);
      } else {
        copy_rows({sum + slice.offset, stage.outputs, slice.channels},
                  {d_weight + slice.first, stage.outputs, slice.channels, stage.inputs});
      }
    });
  }
  watch.lap(Work::products);
  worker.sync();
}

}  // namespace ztilde
