#include "doctor/record.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace ztilde::doctor {
namespace {

std::optional<std::string> option_of(const TrainingRecord& training, std::string_view name) {
  for (const auto& [key, text] : training.options) {
    if (key == name) return text;
  }
  return std::nullopt;
}

std::optional<double> number_of(const TrainingRecord& training, std::string_view name) {
  const std::optional<std::string> text = option_of(training, name);
  if (!text) return std::nullopt;
  char* end = nullptr;
  const double number = std::strtod(text->c_str(), &end);
  if (text->empty() || *end != '\0' || !std::isfinite(number)) return std::nullopt;
  return number;
}

// Of the rows of an epoch and its steps, which every training has, whatever else is recorded.
std::optional<double> rows_of_a_batch(const TrainingRecord& training) {
  if (training.rows > 0 && training.epochs > 0 && training.steps > 0) {
    return std::round(static_cast<double>(training.rows) * static_cast<double>(training.epochs) /
                      static_cast<double>(training.steps));
  }
  return number_of(training, "batch");
}

}  // namespace

Record record_of(const Model& model, std::size_t batch) {
  const TrainingRecord& training = model.training;
  Record record;
  std::optional<double> rows = rows_of_a_batch(training);
  if (const auto ghost = number_of(training, "ghost"); ghost && rows) rows = std::min(*rows, *ghost);
  if (batch > 0) rows = static_cast<double>(batch);
  if (rows && *rows >= 2 && *rows < 1e9) {
    record.batch = static_cast<std::size_t>(*rows);
    record.batch_known = true;
  }
  record.epsilon = number_of(training, "epsilon");
  const std::string frozen = option_of(training, "freeze-parameters").value_or("none");
  record.initial_known = training.steps > 0 && !option_of(training, "from") &&
                         (frozen.empty() || frozen == "none") &&
                         option_of(training, "only-norm").value_or("false") == "false";
  record.rows =
      static_cast<double>(training.recalibrated_rows > 0 ? training.recalibrated_rows : training.rows);
  return record;
}

double running_noise(double keep) { return std::sqrt((1 - keep) / (1 + keep)); }

double start_left(double keep, std::uint64_t updates) { return std::pow(keep, static_cast<double>(updates)); }

}  // namespace ztilde::doctor
