// Causes that a model's numbers show without any rows: NaN, gamma 0, what is as before the first step, and
// example rows that give other outputs.
#include <algorithm>
#include <cmath>

#include "doctor/examination.hpp"
#include "model/model_check.hpp"
#include "training/initialise.hpp"
#include "ztilde/error.hpp"

namespace ztilde::doctor {
namespace {

std::span<const float> numbers_of(const std::vector<float>& parameters, const ParameterSlot& slot) {
  return std::span(parameters).subspan(slot.offset, slot.size());
}

bool is_norm(const Model& model, const ParameterSlot& slot) {
  return std::holds_alternative<BatchNorm>(model.network.layers[slot.layer]);
}

bool find_not_finite(const Model& model, Diagnosis& diagnosis) {
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    const std::span<const float> numbers = numbers_of(model.parameters, slot);
    Finding finding;
    for (std::size_t row = 0; row < slot.rows; ++row) {
      const auto of_row = numbers.subspan(row * slot.columns, slot.columns);
      if (!std::ranges::all_of(of_row, [](float number) { return std::isfinite(number); }))
        finding.channels.push_back(row);
    }
    if (finding.channels.empty()) continue;
    finding.cause = Cause::not_finite;
    finding.layers = {slot.layer};
    finding.tensor = slot.name;
    diagnosis.findings.push_back(std::move(finding));
  }
  return !diagnosis.findings.empty();
}

// Training never leaves a gamma at 0: only a number that was put there is.
void find_zero_gamma(const Model& model, Diagnosis& diagnosis) {
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    if (!is_norm(model, slot) || slot.name != "weight") continue;
    const std::span<const float> gamma = numbers_of(model.parameters, slot);
    Finding finding;
    for (std::size_t c = 0; c < gamma.size(); ++c) {
      if (gamma[c] == 0) finding.channels.push_back(c);
    }
    if (finding.channels.empty()) continue;
    finding.cause = Cause::zero_gamma;
    finding.layers = {slot.layer};
    finding.evidence = {{"channels", static_cast<double>(finding.channels.size())},
                        {"of", static_cast<double>(gamma.size())}};
    diagnosis.findings.push_back(std::move(finding));
  }
}

// w = s · initial for all numbers and one s: what initialisation of any kind gave, weight decay or not.
bool is_multiple(std::span<const float> numbers, std::span<const float> initial) {
  // Of fewer numbers it may be so by chance of rounding.
  constexpr std::size_t kLeast = 8;
  // Float keeps 1.2e-7 of a number; decay rounds at every step, by chance up and down: 1e5 steps leave 4e-5.
  constexpr double kTolerance = 1e-4;
  if (numbers.size() < kLeast) return false;
  double product = 0, squares = 0, largest = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    product += double{numbers[i]} * initial[i];
    squares += double{initial[i]} * initial[i];
    largest = std::max(largest, std::abs(double{initial[i]}));
  }
  const double scale = product / squares;
  if (!(scale > 0)) return false;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (std::abs(numbers[i] - scale * initial[i]) > kTolerance * scale * largest) return false;
  }
  return true;
}

void find_frozen(const Model& model, const Record& record, Diagnosis& diagnosis) {
  if (!record.initial_known) return;
  std::vector<float> initial(parameter_arena_size(model.network));
  initialise_parameters(model.network, {}, model.training.seed, initial);
  std::optional<std::size_t> frozen_gamma;
  const auto add = [&](std::size_t layer, const char* tensor) {
    Finding finding;
    finding.cause = Cause::frozen_parameters;
    finding.layers = {layer};
    finding.tensor = tensor;
    finding.evidence = {{"steps", static_cast<double>(model.training.steps)}};
    diagnosis.findings.push_back(std::move(finding));
  };
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    const std::span<const float> numbers = numbers_of(model.parameters, slot);
    if (is_norm(model, slot)) {
      const float start = slot.name == "weight" ? 1.0f : 0.0f;
      const bool frozen = std::ranges::all_of(numbers, [&](float number) { return number == start; });
      if (slot.name == "weight") frozen_gamma = frozen ? std::optional(slot.layer) : std::nullopt;
      if (slot.name == "bias" && frozen && frozen_gamma == slot.layer) add(slot.layer, "weight, bias");
    } else if (slot.is_weight_matrix && !slot.column && is_multiple(numbers, numbers_of(initial, slot))) {
      add(slot.layer, "weight");
    }
  }
}

}  // namespace

bool examine_parameters(const Model& model, const Record& record, Diagnosis& diagnosis) {
  if (find_not_finite(model, diagnosis)) return false;
  find_zero_gamma(model, diagnosis);
  find_frozen(model, record, diagnosis);
  return true;
}

void examine_example_rows(const Model& model, Diagnosis& diagnosis) {
  if (model.test_inputs.empty()) return;
  try {
    model_file::check_test_rows(model);
  } catch (const Error&) {
    const std::vector<float> now = outputs(model, model.test_inputs, 1);
    double most = 0;
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (!std::isfinite(now[i])) return;  // a finding of its own says why
      most = std::max(most, std::abs(double{now[i]} - model.test_outputs[i]));
    }
    Finding finding;
    finding.cause = Cause::example_rows;
    finding.evidence = {{"largest_difference", most},
                        {"rows", static_cast<double>(model.test_inputs.size() / model.network.inputs)}};
    diagnosis.findings.push_back(std::move(finding));
  }
}

}  // namespace ztilde::doctor
