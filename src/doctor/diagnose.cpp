// diagnose(): the order of the examination. What cannot be measured behind something is looked for first.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/random.hpp"
#include "data/rows_of.hpp"
#include "data/shuffle.hpp"
#include "doctor/examination.hpp"
#include "doctor/variants.hpp"
#include "model/batch_scoring.hpp"
#include "model/scoring.hpp"
#include "plan/population.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace doctor {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Rows drawn one from each of as many stretches, in an order by chance: sorted rows make no batches such as
// training had.
std::vector<std::uint32_t> drawn_rows(std::size_t rows, std::size_t most, std::uint64_t seed) {
  const Cut stretches{rows, most == 0 ? rows : std::min(most, rows)};
  const RandomStream stream(seed, Purpose::probe, 0, 0);
  std::vector<std::uint32_t> drawn;
  for (std::size_t i = 0; i < stretches.parts; ++i) {
    const auto length = static_cast<std::uint32_t>(stretches.size(i));
    drawn.push_back(static_cast<std::uint32_t>(stretches.first(i) + stream.below(length, i)));
  }
  shuffle(drawn, seed, 0, drawn);
  return drawn;
}

// What costs most first; what stands in the way of all measuring before it, what costs nothing behind it.
void rank(Diagnosis& diagnosis) {
  const auto place = [](const Finding& finding) {
    if (finding.cause == Cause::not_finite) return std::numeric_limits<double>::infinity();
    if (finding.cause == Cause::example_rows) return -std::numeric_limits<double>::infinity();
    return finding.loss_step ? finding.loss_step->value : 0.0;
  };
  std::ranges::stable_sort(diagnosis.findings, std::greater<>(), place);
}

void finish_repaired(const Examination& e, Diagnosis& diagnosis) {
  Model& repaired = diagnosis.repaired;
  repaired = e.work.model;
  diagnosis.repairs = repaired.statistics != e.model.statistics || repaired.network != e.model.network;
  if (!diagnosis.repairs) return;
  repaired.training.recalibrated_rows = e.data.rows;
  repaired.fold_certificate.reset();
  repaired.drift.reset();
  repaired.test_outputs = outputs(repaired, repaired.test_inputs, 1);
}

void judge_layers(const Examination& e, Diagnosis& diagnosis) {
  for (std::size_t i = 0; i < diagnosis.layers.size(); ++i) {
    const NormMoments& norm = e.work.measured.norms[i];
    diagnosis.layers[i].judged =
        mismatch(norm, std::span(e.model.statistics).subspan(norm.slot.offset, 2 * norm.channels()),
                 e.model.statistic_batches[slot_index(e.model.network, norm.slot.layer)],
                 e.model.statistics_source, e.record, e.work.measured.rows)
            .distance;
  }
}

void end_without_losses(const Model& model, Diagnosis& diagnosis) {
  diagnosis.loss_batch = diagnosis.loss_stored = diagnosis.loss_population = diagnosis.loss_repaired = kNaN;
  diagnosis.repaired = model;
  rank(diagnosis);
}

void require_rows(const Model& model, const Dataset& data) {
  if (!has_layer<BatchNorm>(model.network))
    throw Error(ErrorKind::data, "the model has no batch norm, so training and use do not differ by it");
  require_columns(model, data);
  if (!data.targets.empty()) require_labelled(model, data);
  if (data.rows < 2)
    throw Error(ErrorKind::data, fmt::format("the data have {}, which has no variance; give 2 rows or more",
                                             data.rows == 0 ? "no rows" : "1 row"));
}

}  // namespace
}  // namespace doctor

Diagnosis diagnose(const Model& model, const Dataset& data, const DoctorOptions& options) {
  using namespace doctor;
  require_rows(model, data);
  whole(data, model.network);  // sound, before rows are taken from it
  const Dataset rows = rows_of(data, drawn_rows(data.rows, options.rows, options.seed));
  const Batch batch = whole(rows, model.network);
  const Record record = record_of(model, options.batch);
  Diagnosis diagnosis;
  diagnosis.rows = rows.rows;
  diagnosis.batch = nearly_equal_batches(rows.rows, record.batch).largest();
  diagnosis.batch_known = record.batch_known;
  diagnosis.labelled = !rows.targets.empty();
  if (!examine_parameters(model, record, diagnosis)) {
    end_without_losses(model, diagnosis);
    return diagnosis;
  }
  Team team(InferencePlan::workers_for(model.network, rows.rows, options.threads));
  Model sound = model;
  replace_broken_statistics(batch, team, sound, diagnosis);
  Model population = sound;
  if (const auto fault = measure_population(model.network, model.parameters.data(), batch, team,
                                            population.statistics, population.statistic_batches)) {
    Finding finding;
    finding.cause = Cause::not_finite;
    finding.layers = {fault->layer};
    finding.channels = {fault->channel};
    diagnosis.findings.push_back(std::move(finding));
    end_without_losses(model, diagnosis);
    return diagnosis;
  }
  const std::vector<float> reference = measure(population, batch, team).outputs;
  const Judge judge(model, rows, reference);
  switch_layers(model, measure(model, batch, team), population, reference, batch, team, judge, record,
                diagnosis);
  Examination e{model, rows, batch, team, judge, record, diagnosis, {}};
  e.work = e.tried(std::move(sound));
  examine_inputs(e);
  examine_statistics(e);
  examine_batches(e);
  examine_units(e);
  examine_example_rows(model, diagnosis);
  diagnosis.loss_repaired = e.work.losses.mean;
  judge_layers(e, diagnosis);
  finish_repaired(e, diagnosis);
  rank(diagnosis);
  return diagnosis;
}

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::not_finite:
      return "not_finite";
    case Cause::frozen_statistics:
      return "frozen_statistics";
    case Cause::frozen_parameters:
      return "frozen_parameters";
    case Cause::few_updates:
      return "few_updates";
    case Cause::small_batches:
      return "small_batches";
    case Cause::old_statistics:
      return "old_statistics";
    case Cause::variance_kind:
      return "variance_kind";
    case Cause::epsilon:
      return "epsilon";
    case Cause::other_data:
      return "other_data";
    case Cause::low_variance:
      return "low_variance";
    case Cause::zero_gamma:
      return "zero_gamma";
    case Cause::dead_units:
      return "dead_units";
    case Cause::example_rows:
      return "example_rows";
  }
  return "";
}

}  // namespace ztilde
