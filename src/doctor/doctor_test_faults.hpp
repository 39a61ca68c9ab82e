// Ways to break a trained model in one layer, and the cause that each is.
#pragma once

#include <vector>

#include "doctor/doctor_test_models.hpp"
#include "ztilde/doctor.hpp"

namespace ztilde {

struct Fault {
  const char* name;
  Cause cause;
  void (*plant)(Model& model, Dataset& data, const StatisticSlot& slot);
};

inline const std::vector<Fault>& faults() {
  static const std::vector<Fault> all = {
      {"stale statistics", Cause::old_statistics,
       [](Model& m, Dataset&, const StatisticSlot& slot) { make_stale(m, slot); }},
      {"too few updates", Cause::few_updates,
       [](Model& m, Dataset&, const StatisticSlot& slot) {
         m.statistics_source = StatisticsSource::running;
         std::ranges::fill(m.statistic_batches, std::uint64_t{1000});
         for (std::size_t i = 0; i < m.statistic_batches.size(); ++i) {
           if (statistic_slots(m.network)[i].layer == slot.layer) m.statistic_batches[i] = 5;
         }
         const double left = std::pow(0.9, 5);
         for (double& mean : means(m, slot)) mean *= 1 - left;
         for (double& variance : variances(m, slot)) variance = (1 - left) * variance + left;
       }},
      {"unbiased at batch 4", Cause::variance_kind,
       [](Model& m, Dataset&, const StatisticSlot& slot) {
         for (double& variance : variances(m, slot)) variance *= 4.0 / 3;
       }},
      {"biased at batch 4", Cause::variance_kind,
       [](Model& m, Dataset&, const StatisticSlot& slot) {
         for (double& variance : variances(m, slot)) variance *= 3.0 / 4;
       }},
      {"wrong epsilon", Cause::epsilon,
       [](Model& m, Dataset&, const StatisticSlot& slot) {
         std::get<BatchNorm>(m.network.layers[slot.layer]).epsilon = 3;
       }},
      {"NaN in a mean", Cause::not_finite,
       [](Model& m, Dataset&, const StatisticSlot& slot) { means(m, slot)[3] = NAN; }},
      {"NaN in gamma", Cause::not_finite,
       [](Model& m, Dataset&, const StatisticSlot& slot) { tensor(m, slot.layer, "weight")[3] = NAN; }},
      {"statistics at their start", Cause::frozen_statistics,
       [](Model& m, Dataset&, const StatisticSlot& slot) {
         std::ranges::fill(means(m, slot), 0.0);
         std::ranges::fill(variances(m, slot), 1.0);
       }},
      {"gamma and beta at their start", Cause::frozen_parameters,
       [](Model& m, Dataset&, const StatisticSlot& slot) {
         std::ranges::fill(tensor(m, slot.layer, "weight"), 1.0f);
         std::ranges::fill(tensor(m, slot.layer, "bias"), 0.0f);
       }},
      {"gamma 0", Cause::zero_gamma,
       [](Model& m, Dataset&, const StatisticSlot& slot) { tensor(m, slot.layer, "weight")[2] = 0; }},
      {"dead units", Cause::dead_units,
       [](Model& m, Dataset& data, const StatisticSlot& slot) {
         for (std::size_t c = 0; c < 3; ++c) tensor(m, slot.layer, "bias")[c] = -100;
         m = with_population_statistics(m, data, 1);
       }},
      {"hardly any variance", Cause::low_variance,
       [](Model& m, Dataset& data, const StatisticSlot& slot) {
         const std::span<float> weight = tensor(m, slot.layer - 1, "weight");
         const std::size_t columns = weight.size() / slot.channels;
         for (float& w : weight.subspan(2 * columns, columns)) w *= 1e-4f;
         m = with_population_statistics(m, data, 1);
       }},
  };
  return all;
}

}  // namespace ztilde
