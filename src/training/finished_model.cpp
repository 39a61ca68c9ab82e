#include "training/finished_model.hpp"

#include <algorithm>

#include "plan/population.hpp"
#include "training/trainer.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kTestRows = 4;

}  // namespace

void measure_population_of(Model& model, const Batch& rows, Team& team, std::uint64_t steps,
                           Exchange* ranks) {
  const auto fault = measure_population(model.network, model.parameters.data(), rows, team, model.statistics,
                                        model.statistic_batches, ranks);
  if (fault) throw divergence(model.network, steps, fault, 0);
}

void fold_target(Model& model, const Objective& objective) {
  const std::size_t last = model.network.layers.size() - 1;
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    if (slot.layer != last) continue;
    const double mean = slot.name == "bias" ? objective.target_mean : 0;
    for (std::size_t i = 0; i < slot.size(); ++i) {
      float& value = model.parameters[slot.offset + i];
      value = static_cast<float>(value * objective.target_std + mean);
    }
  }
}

void add_test_rows(Model& model, const Batch& rows) {
  const std::size_t count = std::min(kTestRows, rows.rows), columns = model.network.inputs;
  model.test_inputs.resize(count * columns);
  if (rows.source.keeper) rows.source.keeper->hold({rows.row_index, count});
  gather(rows, 0, 0, {}, kernels::View(model.test_inputs.data(), count, columns));
  model.test_outputs = outputs(model, model.test_inputs, 1);
}

}  // namespace ztilde
