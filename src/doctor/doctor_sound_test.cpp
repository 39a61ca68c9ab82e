// Sound models, of many kinds and on other rows too: nothing may be found.
#include <gtest/gtest.h>

#include "doctor/doctor_test_models.hpp"
#include "ztilde/doctor.hpp"

namespace ztilde {
namespace {

Dataset rows_from(const Dataset& data, std::size_t first, std::size_t end) {
  Dataset part = data;
  part.rows = end - first;
  const auto cut = [&](auto& numbers, std::size_t columns) {
    if (numbers.empty()) return;
    numbers = {numbers.begin() + static_cast<std::ptrdiff_t>(first * columns),
               numbers.begin() + static_cast<std::ptrdiff_t>(end * columns)};
  };
  cut(part.bytes, data.columns);
  cut(part.floats, data.columns);
  cut(part.targets, 1);
  return part;
}

// A table with categories and missing numbers: y depends on all of them.
Dataset mixed_table(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = 3;
  data.column_names = {"a", "town", "b"};
  data.column_info = {{"a"}, {"town", ColumnKind::categorical, {"x", "y", "z"}}, {"b"}};
  data.rules.missing = MissingUse::indicator;
  data.task = Task::regress;
  const RandomStream stream(41, Purpose::initialise, 0, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    const double a = stream.normal(3 * r), b = stream.normal(3 * r + 1);
    const std::uint32_t town = stream.below(3, 900000 + r);
    const bool missing = stream.below(8, 500000 + r) == 0;
    data.floats.insert(data.floats.end(), {static_cast<float>(50 + 9 * a), static_cast<float>(town),
                                           missing ? NAN : static_cast<float>(b)});
    data.targets.push_back(
        static_cast<float>(10 * std::sin(a) + 5 * town + (missing ? 0 : 4 * b) + stream.normal(700000 + r)));
  }
  return data;
}

TrainOptions with(ActivationKind activation, NormPlace place = NormPlace::before) {
  TrainOptions options = dense_options();
  options.activation = activation;
  options.norm_place = place;
  return options;
}

std::vector<Patient> sound_models() {
  std::vector<Patient> all;
  const Dataset table = spirals(900);
  all.push_back(trained("relu", table, with(ActivationKind::relu)));
  all.push_back(trained("tanh", table, with(ActivationKind::tanh)));
  all.push_back(trained("sigmoid", table, with(ActivationKind::sigmoid)));
  all.push_back(trained("norm after relu", table, with(ActivationKind::relu, NormPlace::after)));
  all.push_back(trained("norm after tanh", table, with(ActivationKind::tanh, NormPlace::after)));
  TrainOptions options = dense_options();
  options.statistics = StatisticsSource::running;
  options.epochs = 40;
  all.push_back(trained("running statistics", table, options));
  options = dense_options();
  options.dropout = 0.1;
  all.push_back(trained("dropout", table, options));
  options = dense_options();
  options.hidden = {32, 32, 32, 32, 32, 32, 32, 32};
  all.push_back(trained("deep", table, options));
  options = dense_options();
  options.optimizer = OptimizerKind::momentum;
  options.learning_rate = 0.1;
  options.init = InitKind::xavier;
  options.epsilon = 1e-3;
  all.push_back(trained("epsilon 1e-3", table, options));
  options = dense_options();
  options.valid_fraction = 0;
  options.epochs = 60;
  all.push_back(trained("few rows", spirals(60), options));
  all.push_back(trained("regression", linear(600), dense_options()));
  all.push_back(trained("encode", mixed_table(800), dense_options()));
  all.push_back(trained("images", shapes(600), conv_options()));
  return all;
}

std::string names(const Diagnosis& diagnosis) {
  std::string text = std::to_string(diagnosis.loss_stored) + " " + std::to_string(diagnosis.loss_population) +
                     " " + std::to_string(diagnosis.loss_batch) + ": ";
  for (const Finding& finding : diagnosis.findings) {
    text += std::string(to_string(finding.cause)) + " ";
    for (const std::size_t layer : finding.layers) text += std::to_string(layer) + " ";
    for (const auto& [name, value] : finding.evidence) text += name + " " + std::to_string(value) + " ";
    for (const InputDistance& input : finding.inputs)
      text += input.name + " " + std::to_string(input.mean) + " " + std::to_string(input.deviation) + " ";
    if (finding.loss_step) text += "step " + std::to_string(finding.loss_step->value) + "; ";
  }
  return text;
}

void expect_sound(const Patient& patient, Dataset data) {
  const Diagnosis labelled = diagnose(patient.model, data, {.threads = 1});
  EXPECT_TRUE(labelled.findings.empty()) << patient.name << ": " << names(labelled);
  data.targets.clear();
  const Diagnosis bare = diagnose(patient.model, data, {.threads = 1});
  EXPECT_TRUE(bare.findings.empty()) << patient.name << " without a target: " << names(bare);
}

TEST(Doctor, finds_nothing_in_sound_models_on_the_rows_they_were_trained_on) {
  for (const Patient& patient : sound_models()) expect_sound(patient, patient.data);
}

// The tables' rows are drawn one by one, so that a longer one goes on with fresh rows.
TEST(Doctor, finds_nothing_in_sound_models_on_fresh_rows) {
  for (const Patient& patient : sound_models()) {
    const std::size_t rows = patient.data.rows;
    const bool images = patient.data.image_width > 0, encoded = !patient.data.column_info.empty();
    const Dataset longer = images                                ? shapes(2 * rows)
                           : encoded                             ? mixed_table(2 * rows)
                           : patient.model.task == Task::regress ? linear(2 * rows)
                                                                 : spirals(2 * rows);
    expect_sound(patient, rows_from(longer, rows, 2 * rows));
  }
}

}  // namespace
}  // namespace ztilde
