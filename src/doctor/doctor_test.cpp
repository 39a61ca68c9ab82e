// Models that are broken in one known way: the layer and the cause that diagnose() names first.
#include "ztilde/doctor.hpp"

#include <gtest/gtest.h>

#include "doctor/doctor_test_models.hpp"

namespace ztilde {

std::ostream& operator<<(std::ostream& out, Cause cause) { return out << to_string(cause); }

namespace {

const Patient& dense() {
  static const Patient patient = trained("dense", spirals(900), dense_options());
  return patient;
}

const Patient& conv() {
  static const Patient patient = trained("conv", shapes(600), conv_options());
  return patient;
}

std::string told(const Diagnosis& diagnosis) {
  std::string text = "stored " + std::to_string(diagnosis.loss_stored) + ", population " +
                     std::to_string(diagnosis.loss_population) + ", batch " +
                     std::to_string(diagnosis.loss_batch) + ", repaired " +
                     std::to_string(diagnosis.loss_repaired) + "\n";
  for (const LayerDiagnosis& l : diagnosis.layers)
    text += "  layer " + std::to_string(l.layer) + " step " + std::to_string(l.to_population.value) + " ± " +
            std::to_string(l.to_population.error) + " batch " + std::to_string(l.to_batch.value) + " mean " +
            std::to_string(l.judged.mean.median) + " " + std::to_string(l.judged.mean.most) + " dev " +
            std::to_string(l.judged.deviation.median) + "\n";
  for (const Finding& finding : diagnosis.findings) {
    text += "  " + std::string(to_string(finding.cause)) + " in";
    for (const std::size_t layer : finding.layers) text += " " + std::to_string(layer);
    if (finding.loss_step) text += " step " + std::to_string(finding.loss_step->value);
    for (const auto& [name, value] : finding.evidence) text += ", " + name + " " + std::to_string(value);
    text += "\n";
  }
  return text;
}

struct Fault {
  const char* name;
  Cause cause;
  void (*plant)(Model& model, Dataset& data, const StatisticSlot& slot);
};

const std::vector<Fault>& faults() {
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

// Three places in the dense network, three in that of images.
TEST(Doctor, names_the_layer_and_the_cause_of_each_planted_fault) {
  for (const Patient* patient : {&dense(), &conv()}) {
    const std::vector<StatisticSlot> slots = norm_slots(patient->model);
    for (const Fault& fault : faults()) {
      for (const StatisticSlot& slot : slots) {
        SCOPED_TRACE(std::string(patient->name) + ", " + fault.name + " in layer " +
                     std::to_string(slot.layer));
        Model model = patient->model;
        Dataset data = patient->data;
        fault.plant(model, data, slot);
        const Diagnosis diagnosis = diagnose(model, data, {.threads = 1});
        EXPECT_FALSE(diagnosis.findings.empty()) << told(diagnosis);
        if (diagnosis.findings.empty()) continue;
        const Finding& first = diagnosis.findings.front();
        EXPECT_EQ(first.cause, fault.cause) << told(diagnosis);
        if (first.layers.empty()) continue;  // said above, by its cause
        EXPECT_EQ(first.layers.front(), slot.layer) << told(diagnosis);
      }
    }
  }
}

TEST(Doctor, finds_nothing_in_sound_models) {
  for (const Patient* patient : {&dense(), &conv()}) {
    SCOPED_TRACE(patient->name);
    const Diagnosis diagnosis = diagnose(patient->model, patient->data, {.threads = 1});
    EXPECT_TRUE(diagnosis.findings.empty()) << told(diagnosis);
    EXPECT_FALSE(diagnosis.repairs);
  }
}

}  // namespace
}  // namespace ztilde
