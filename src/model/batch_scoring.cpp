// evaluate_in_batches(): a model's scores when it normalises as it did in training.
#include <algorithm>
#include <numeric>

#include "model/scoring.hpp"
#include "plan/batch_forward.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kLeastRows = 2;  // of a batch that has statistics

// Batch after batch: [rows, outputs].
std::vector<float> outputs_in_batches(const Model& model, const Batch& all, const Cut& batches, Team& team) {
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
  std::vector<std::uint32_t> index(all.rows);
  std::iota(index.begin(), index.end(), 0u);
  const std::size_t outputs = stages.back().outputs;
  std::vector<float> result(all.rows * outputs);
  for (std::size_t b = 0; b < batches.parts; ++b) {
    Batch batch = all;
    batch.row_index = index.data() + batches.first(b);
    batch.rows = batches.size(b);
    forward.begin(b);
    team.run([&](const Worker& worker) { forward.run(worker, batch); });
    copy_rows(forward.z(stages.size() - 1, 0, batch.rows),
              {result.data() + batches.first(b) * outputs, batch.rows, outputs});
  }
  return result;
}

}  // namespace

Scores evaluate_in_batches(const Model& model, const Dataset& data, std::size_t batch, std::size_t threads) {
  require_labelled(model, data);
  const Batch all = whole(data, model.network);
  const Cut wished = Cut::at_most(all.rows, std::max(batch, kLeastRows));
  const Cut batches{all.rows, std::clamp<std::size_t>(all.rows / kLeastRows, 1, wished.parts)};
  Team team(InferencePlan::workers_for(model.network, batches.largest(), threads));
  std::vector<float> outputs = outputs_in_batches(model, all, batches, team);
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

}  // namespace ztilde
