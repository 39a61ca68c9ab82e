// How often the layer and the cause are named first, over many trainings: for docs/doctor.md, and by hand.
//   doctor_tests --gtest_also_run_disabled_tests --gtest_filter=DoctorSurvey.*
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "doctor/doctor_test_faults.hpp"

namespace ztilde {
namespace {

struct Count {
  std::size_t right = 0, layer_right = 0, all = 0;
};

TrainOptions varied(std::uint64_t seed) {
  TrainOptions options = dense_options();
  const ActivationKind kinds[] = {ActivationKind::relu, ActivationKind::tanh, ActivationKind::gelu,
                                  ActivationKind::sigmoid};
  options.activation = kinds[seed % 4];
  options.norm_place = seed % 3 == 2 ? NormPlace::after : NormPlace::before;
  options.hidden.assign(2 + seed % 4, 12 + 4 * (seed % 3));
  options.epochs = 10 + 5 * (seed % 3);
  options.batch = seed % 2 == 0 ? 32 : 64;
  options.seed = seed;
  return options;
}

TEST(DoctorSurvey, DISABLED_of_faults_planted_into_many_models) {
  std::map<std::string, Count> counts;
  std::map<std::string, std::size_t> instead;
  std::size_t sound = 0, alarms = 0;
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const Patient patient = trained("varied", spirals(600 + 100 * (seed % 5)), varied(seed));
    ++sound;
    if (!diagnose(patient.model, patient.data, {.threads = 1}).findings.empty()) ++alarms;
    for (const Fault& fault : faults()) {
      const bool relu = patient.model.network.layers.size() > 3 &&
                        varied(seed).activation == ActivationKind::relu &&
                        varied(seed).norm_place == NormPlace::before;
      if (fault.cause == Cause::dead_units && !relu) continue;
      if (fault.cause == Cause::low_variance && varied(seed).norm_place == NormPlace::after) continue;
      for (const StatisticSlot& slot : norm_slots(patient.model)) {
        Model model = patient.model;
        Dataset data = patient.data;
        fault.plant(model, data, slot);
        const Diagnosis diagnosis = diagnose(model, data, {.threads = 1});
        Count& count = counts[fault.name];
        ++count.all;
        const bool any = !diagnosis.findings.empty() && !diagnosis.findings[0].layers.empty();
        const bool layer = any && diagnosis.findings[0].layers[0] == slot.layer;
        count.layer_right += layer;
        const bool right = layer && diagnosis.findings[0].cause == fault.cause;
        count.right += right;
        if (!right)
          ++instead[fmt::format("{}: {} in {} for {} (seed {})", fault.name,
                                any ? to_string(diagnosis.findings[0].cause) : "nothing",
                                any ? diagnosis.findings[0].layers[0] : 0, slot.layer, seed)];
      }
    }
  }
  for (const auto& [name, count] : counts)
    fmt::print("{:<32} {:>4} planted, {:>4} layer and cause, {:>4} layer\n", name, count.all, count.right,
               count.layer_right);
  for (const auto& [what, times] : instead) fmt::print("  {} × {}\n", times, what);
  fmt::print("{} sound models, {} with a finding\n", sound, alarms);
  EXPECT_EQ(alarms, 0u);
}

}  // namespace
}  // namespace ztilde
