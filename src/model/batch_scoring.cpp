// evaluate_in_batches(): a model's scores when it normalises as it did in training.
#include "model/batch_scoring.hpp"

#include <algorithm>
#include <numeric>

#include "plan/batch_forward.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kLeastRows = 2;  // of a batch that has statistics

}  // namespace

std::vector<float> outputs_in_batches(const Model& model, const Batch& all, const Cut& batches,
                                      std::vector<std::uint32_t> order, Team& team,
                                      const LookAtStatistics& look) {
  BatchForward forward(model.network, {batches.largest(), batches.size(batches.parts - 1)}, team.threads(),
                       model.parameters.data(), nullptr, model.statistics.data(), false, 0);
  const std::vector<Stage>& stages = forward.stages();
  std::vector<AlignedBuffer<float>> memory;
  std::vector<kernels::View> z;
  for (const Stage& stage : stages) {
    const std::size_t rows = batches.largest() * stage.output.pixels();
    memory.emplace_back(rows * row_stride(stage.outputs));
    z.emplace_back(memory.back().data(), rows, stage.outputs, row_stride(stage.outputs));
  }
  forward.set_z(std::move(z));
  const std::size_t outputs = stages.back().outputs;
  std::vector<float> result(all.rows * outputs);
  for (std::size_t b = 0; b < batches.parts; ++b) {
    Batch batch = all;
    batch.row_index = order.data() + batches.first(b);
    batch.rows = batches.size(b);
    forward.begin(b);
    team.run([&](const Worker& worker) { forward.run(worker, batch); });
    const kernels::View out = forward.z(stages.size() - 1, 0, batch.rows);
    for (std::size_t r = 0; r < batch.rows; ++r)
      std::copy_n(out.row(r), outputs, result.data() + batch.row_index[r] * outputs);
    for (std::size_t s = 0; look && s < stages.size(); ++s) {
      const NormState& norm = forward.norms[s];
      if (stages[s].sums)
        look(b, stages[s].norm_layer, {norm.mean.data(), norm.channels},
             {norm.variance.data(), norm.channels});
    }
  }
  return result;
}

Cut nearly_equal_batches(std::size_t rows, std::size_t batch) {
  const Cut wished = Cut::at_most(rows, std::max(batch, kLeastRows));
  return {rows, std::clamp<std::size_t>(rows / kLeastRows, 1, wished.parts)};
}

Scores scores_of_outputs(const Model& model, const Batch& all, std::vector<float> outputs, Team& team) {
  const std::size_t channels = layer_outputs(model.network).back();
  const Cut blocks = InferencePlan::blocks_of(lower(model.network), all.rows);
  const RunOutputs give = {
      blocks, [&](const InferencePlan::Consume& consume) {
        team.run([&](const Worker& worker) {
          worker.share(blocks.parts, [&](std::size_t block) {
            const std::size_t first = blocks.first(block);
            consume(worker, block, first, {outputs.data() + first * channels, blocks.size(block), channels});
          });
        });
      }};
  return score_fully(give, team, all, objective_of(model.task, channels), model.classes.size());
}

Scores evaluate_in_batches(const Model& model, const Dataset& data, std::size_t batch, std::size_t threads) {
  require_labelled(model, data);
  const Batch all = whole(data, model.network);
  const Cut batches = nearly_equal_batches(all.rows, batch);
  Team team(InferencePlan::workers_for(model.network, batches.largest(), threads));
  std::vector<std::uint32_t> order(all.rows);
  std::iota(order.begin(), order.end(), 0u);
  return scores_of_outputs(model, all, outputs_in_batches(model, all, batches, std::move(order), team), team);
}

}  // namespace ztilde
