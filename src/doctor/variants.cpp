#include "doctor/variants.hpp"

#include "doctor/examination.hpp"
#include "model/batch_scoring.hpp"

namespace ztilde::doctor {
namespace {

std::vector<float> outputs_of(const Model& model, const Batch& batch, Team& team) {
  InferencePlan plan(model.network, batch.rows, team.threads(), model.parameters.data(),
                     model.statistics.data());
  const std::size_t width = plan.stages().back().outputs;
  std::vector<float> outputs(batch.rows * width);
  plan.run(team, batch, [&](const Worker&, std::size_t, std::size_t first_row, kernels::View out) {
    copy_rows(out, {outputs.data() + first_row * width, out.rows, width});
  });
  return outputs;
}

void copy_layer(const Model& from, const StatisticSlot& slot, Model& to) {
  for (std::size_t i = slot.offset; i < slot.offset + 2 * slot.channels; ++i)
    to.statistics[i] = from.statistics[i];
}

}  // namespace

void switch_layers(const Model& stored, const Measured& of_stored, const Model& population,
                   const std::vector<float>& population_outputs, const Batch& batch, Team& team,
                   const Judge& judge, const Record& record, Diagnosis& diagnosis) {
  const Cut batches = nearly_equal_batches(batch.rows, record.batch);
  const RowLosses at_first = judge.losses(of_stored.outputs), at_last = judge.losses(population_outputs);
  RowLosses before = at_first, before_batch = at_last;
  Model changing = stored;
  std::vector<std::size_t> by_batch;
  const auto distance = [&](const NormMoments& norm, const Model& measured) {
    NormMoments as = norm;
    for (std::size_t c = 0; c < norm.channels(); ++c) {
      as.mean[c] = measured.statistics[norm.slot.offset + c];
      as.variance[c] = measured.statistics[norm.slot.offset + norm.channels() + c];
    }
    return mismatch(as, std::span(stored.statistics).subspan(norm.slot.offset, 2 * norm.channels()), 1,
                    StatisticsSource::population, record, of_stored.rows)
        .distance;
  };
  const std::vector<StatisticSlot> slots = statistic_slots(stored.network);
  for (const NormMoments& norm : of_stored.norms) {
    LayerDiagnosis layer;
    layer.layer = norm.slot.layer;
    layer.channels = norm.channels();
    layer.updates = stored.statistic_batches[slot_index(stored.network, layer.layer)];
    Model alone = stored;
    use_measured(norm, alone);
    layer.below_stored = distance(norm, alone);
    layer.alone = judge.step(at_first, judge.losses(outputs_of(alone, batch, team)));
    layer.below_measured = distance(norm, population);

    copy_layer(population, norm.slot, changing);
    RowLosses after = judge.losses(outputs_of(changing, batch, team));
    layer.to_population = judge.step(before, after);
    before = std::move(after);

    by_batch.push_back(layer.layer);
    after = judge.losses(outputs_in_batches(population, batch, batches, team, {.by_batch = by_batch}));
    layer.to_batch = judge.step(before_batch, after);
    before_batch = std::move(after);
    diagnosis.layers.push_back(layer);
  }
  diagnosis.loss_stored = at_first.mean;
  diagnosis.loss_population = at_last.mean;
  diagnosis.loss_batch = before_batch.mean;
}

}  // namespace ztilde::doctor
