// Models that are broken in one known way: the layer and the cause that diagnose() names first.
#include "ztilde/doctor.hpp"

#include <gtest/gtest.h>

#include "doctor/doctor_test_faults.hpp"

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

// Weights that a layer feeds its norm, as they were before the first step.
TEST(Doctor, names_a_layer_whose_weights_were_never_trained) {
  for (const Patient* patient : {&dense(), &conv()}) {
    for (const StatisticSlot& slot : norm_slots(patient->model)) {
      Model model = patient->model;
      std::vector<float> initial(model.parameters.size());
      initialise_parameters(model.network, {.kind = InitKind::xavier}, model.training.seed, initial);
      for (const ParameterSlot& weight : parameter_slots(model.network)) {
        if (weight.layer == slot.layer - 1)
          std::copy_n(initial.begin() + static_cast<std::ptrdiff_t>(weight.offset), weight.size(),
                      model.parameters.begin() + static_cast<std::ptrdiff_t>(weight.offset));
      }
      const Diagnosis diagnosis = diagnose(model, patient->data, {.threads = 1});
      ASSERT_FALSE(diagnosis.findings.empty());
      EXPECT_EQ(diagnosis.findings[0].cause, Cause::frozen_parameters) << told(diagnosis);
      EXPECT_EQ(diagnosis.findings[0].layers[0], slot.layer - 1) << told(diagnosis);
    }
  }
}

TEST(Doctor, names_the_inputs_that_are_not_as_in_training_and_blames_no_layer_above) {
  for (const std::size_t column : {0u, 1u}) {
    for (const bool scaled : {false, true}) {
      Dataset data = dense().data;
      for (std::size_t r = 0; r < data.rows; ++r) {
        float& x = data.floats[r * data.columns + column];
        x = scaled ? (column == 0 ? 1000 + 3 * (x - 1000) : 3 * x) : x + 1;
      }
      const Diagnosis diagnosis = diagnose(dense().model, data, {.threads = 1});
      ASSERT_FALSE(diagnosis.findings.empty());
      const Finding& first = diagnosis.findings[0];
      EXPECT_EQ(first.cause, Cause::other_data) << told(diagnosis);
      EXPECT_EQ(diagnosis.findings.size(), 1u) << told(diagnosis);
      EXPECT_EQ(first.layers.front(), 0u);
      ASSERT_FALSE(first.inputs.empty());
      EXPECT_EQ(first.inputs[0].name, data.column_names[column]);
      EXPECT_EQ(first.inputs[0].column, column);
      EXPECT_LT(diagnosis.loss_repaired, 0.5 * diagnosis.loss_stored) << told(diagnosis);
    }
  }
  Dataset darker = conv().data;
  for (std::uint8_t& pixel : darker.bytes) pixel = static_cast<std::uint8_t>(pixel / 3);
  const Diagnosis diagnosis = diagnose(conv().model, darker, {.threads = 1});
  ASSERT_EQ(diagnosis.findings.size(), 1u) << told(diagnosis);
  EXPECT_EQ(diagnosis.findings[0].cause, Cause::other_data);
  EXPECT_EQ(diagnosis.findings[0].inputs.at(0).name, "image channel 0");
}

// Without Standardise the model knows a few training rows only.
TEST(Doctor, tells_other_data_without_a_standardisation_too) {
  TrainOptions options = dense_options();
  options.standardise = false;
  Dataset data = spirals(900);
  for (std::size_t r = 0; r < data.rows; ++r) data.floats[r * data.columns] -= 1000;
  const Patient bare = trained("bare", data, options);
  EXPECT_TRUE(diagnose(bare.model, data, {.threads = 1}).findings.empty());
  for (std::size_t r = 0; r < data.rows; ++r) data.floats[r * data.columns + 1] += 4;
  const Diagnosis diagnosis = diagnose(bare.model, data, {.threads = 1});
  ASSERT_FALSE(diagnosis.findings.empty());
  EXPECT_EQ(diagnosis.findings[0].cause, Cause::other_data) << told(diagnosis);
  EXPECT_EQ(diagnosis.findings[0].layers[0], norm_slots(bare.model)[0].layer);
  EXPECT_EQ(diagnosis.findings[0].inputs.at(0).name, "y");
}

TEST(Doctor, names_batches_that_were_too_small) {
  for (const double keep : {0.9, 0.5}) {
    TrainOptions options = dense_options();
    options.batch = 2;
    options.keep = keep;
    options.epochs = 6;
    options.learning_rate = 0.003;
    options.statistics = StatisticsSource::running;
    const Patient patient = trained("batches of 2", spirals(900), options);
    const Diagnosis diagnosis = diagnose(patient.model, patient.data, {.threads = 1});
    ASSERT_FALSE(diagnosis.findings.empty()) << told(diagnosis);
    EXPECT_EQ(diagnosis.findings[0].cause, Cause::small_batches) << told(diagnosis);
    EXPECT_EQ(diagnosis.batch, 2u);
  }
}

TEST(Doctor, names_all_layers_where_all_are_stale) {
  Model model = dense().model;
  for (const StatisticSlot& slot : norm_slots(model)) make_stale(model, slot);
  const Diagnosis diagnosis = diagnose(model, dense().data, {.threads = 1});
  ASSERT_FALSE(diagnosis.findings.empty());
  EXPECT_EQ(diagnosis.findings[0].cause, Cause::old_statistics);
  EXPECT_EQ(diagnosis.findings[0].layers.size(), 3u) << told(diagnosis);
}

// Two faults in one model, each with its own layer.
TEST(Doctor, tells_two_faults_apart) {
  Model model = dense().model;
  const std::vector<StatisticSlot> slots = norm_slots(model);
  for (double& variance : variances(model, slots[0])) variance *= 4.0 / 3;
  make_stale(model, slots[2]);
  const Diagnosis diagnosis = diagnose(model, dense().data, {.threads = 1});
  std::vector<std::pair<Cause, std::size_t>> found;
  for (const Finding& finding : diagnosis.findings) {
    if (!finding.layers.empty()) found.emplace_back(finding.cause, finding.layers[0]);
  }
  std::ranges::sort(found);
  EXPECT_EQ(found, (std::vector<std::pair<Cause, std::size_t>>{{Cause::old_statistics, slots[2].layer},
                                                               {Cause::variance_kind, slots[0].layer}}))
      << told(diagnosis);
}

// The repairs are the cure: what was planted in the statistics is gone from the repaired model.
TEST(Doctor, repairs_what_can_be_repaired) {
  for (const Fault& fault : faults()) {
    const bool curable = fault.cause != Cause::frozen_parameters && fault.cause != Cause::zero_gamma &&
                         fault.cause != Cause::dead_units && fault.cause != Cause::low_variance &&
                         std::string(fault.name) != "NaN in gamma";
    if (!curable) continue;
    Model model = dense().model;
    Dataset data = dense().data;
    fault.plant(model, data, norm_slots(model)[1]);
    const Diagnosis diagnosis = diagnose(model, data, {.threads = 1});
    ASSERT_TRUE(diagnosis.repairs) << fault.name;
    const Diagnosis again = diagnose(diagnosis.repaired, data, {.threads = 1});
    EXPECT_TRUE(again.findings.empty()) << fault.name << "\n" << told(again);
    EXPECT_NEAR(again.loss_stored, evaluate(dense().model, data, 1).loss, 0.002) << fault.name;
  }
}

TEST(Doctor, steps_of_all_layers_sum_up_to_the_whole_difference) {
  Model model = conv().model;
  for (const StatisticSlot& slot : norm_slots(model)) make_stale(model, slot);
  const Diagnosis diagnosis = diagnose(model, conv().data, {.threads = 1});
  double to_population = 0, to_batch = 0;
  for (const LayerDiagnosis& layer : diagnosis.layers) {
    to_population += layer.to_population.value;
    to_batch += layer.to_batch.value;
  }
  EXPECT_NEAR(to_population, diagnosis.loss_stored - diagnosis.loss_population, 1e-12);
  EXPECT_NEAR(to_batch, diagnosis.loss_population - diagnosis.loss_batch, 1e-12);
  // Of doubles summed in another order, and of losses in float.
  EXPECT_NEAR(diagnosis.loss_stored, evaluate(model, conv().data, 1).loss, 1e-6);
  const Model population = with_population_statistics(model, conv().data, 1);
  EXPECT_NEAR(diagnosis.loss_population, evaluate(population, conv().data, 1).loss, 1e-4);
}

TEST(Doctor, gives_the_same_for_any_number_of_threads) {
  Model model = dense().model;
  make_stale(model, norm_slots(model)[1]);
  const Diagnosis one = diagnose(model, dense().data, {.threads = 1});
  const Diagnosis two = diagnose(model, dense().data, {.threads = 2});
  EXPECT_EQ(told(one), told(two));
  EXPECT_EQ(one.loss_repaired, two.loss_repaired);
  EXPECT_EQ(one.repaired.statistics, two.repaired.statistics);
}

// Statistics need no target: the layer is found by what it is given alone.
TEST(Doctor, names_layer_and_cause_without_targets) {
  for (const Fault& fault : faults()) {
    for (const StatisticSlot& slot : norm_slots(dense().model)) {
      // Behind the last norm nothing but the loss tells of an epsilon.
      if (fault.cause == Cause::epsilon && slot.layer == norm_slots(dense().model).back().layer) continue;
      SCOPED_TRACE(std::string(fault.name) + " in layer " + std::to_string(slot.layer));
      Model model = dense().model;
      Dataset data = dense().data;
      fault.plant(model, data, slot);
      data.targets.clear();
      const Diagnosis diagnosis = diagnose(model, data, {.threads = 1});
      ASSERT_FALSE(diagnosis.findings.empty()) << told(diagnosis);
      EXPECT_EQ(diagnosis.findings[0].cause, fault.cause) << told(diagnosis);
      ASSERT_FALSE(diagnosis.findings[0].layers.empty());
      EXPECT_EQ(diagnosis.findings[0].layers[0], slot.layer) << told(diagnosis);
    }
  }
}

}  // namespace
}  // namespace ztilde
