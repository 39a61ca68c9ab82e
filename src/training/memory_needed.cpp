#include "training/memory_needed.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/memory.hpp"
#include "base/text.hpp"
#include "plan/image_statistics.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr double kAverageBytes = 128e6;
constexpr std::size_t kLeastAverageRows = 512, kMostAverageRows = 4096;

// Arenas like that of the parameters which the optimiser keeps.
std::size_t states_of(OptimizerKind optimizer) {
  switch (optimizer) {
    case OptimizerKind::sgd:
      return 0;
    case OptimizerKind::momentum:
    case OptimizerKind::nesterov:
    case OptimizerKind::rmsprop:
      return 1;
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      break;
  }
  return 2;
}

}  // namespace

double memory_needed(const Network& network, std::size_t rows, bool validates, const TrainOptions& options) {
  double outputs = 0;
  for (const Stage& stage : lower(network)) {
    outputs += static_cast<double>(stage.output.size());
    outputs += static_cast<double>(stage.table_inputs()) / 2;  // their gradient alone is stored
  }
  const std::size_t batch = std::min(rows, options.batch);
  const bool ghost = options.ghost > 0 && options.ghost < batch;
  const double step = 2 * outputs * static_cast<double>(ghost ? options.ghost : batch);
  const auto states = static_cast<double>(states_of(options.optimizer));
  const bool averages = options.average_weights > 0;
  const double average = averages ? 2 : 0;  // of doubles
  const double best = validates ? 1 : 0, averaged = averages ? best : 0, packed = best;
  // One that is read holds the parameters, the optimiser's state, their average and the best model.
  const double checkpoint = options.checkpoint.resume ? 1 + states + average + best : 0;
  const double arenas = (ghost ? 3 : 2) + states + average + averaged + best + std::max(packed, checkpoint);
  double training = sizeof(float) * (arenas * static_cast<double>(parameter_count(network)) + step);
  if (validates && averages)
    training += population_memory(network, average_probe_rows(network, rows, options), options);
  return std::max(training, population_memory(network, rows, options));
}

double population_memory(const Network& network, std::size_t rows, const TrainOptions& options) {
  double two_in_a_row = 0, before = 0;
  bool measures = false;
  const std::vector<Stage> stages = lower(network);
  for (const Stage& stage : stages) {
    const auto outputs = static_cast<double>(stage.outputs);
    two_in_a_row = std::max(two_in_a_row, before + outputs);
    before = outputs;
    measures |= stage.sums && options.statistics == StatisticsSource::population;
  }
  if (!measures) return 0;
  if (has_images(stages)) {
    return sizeof(float) * static_cast<double>(parameter_count(network)) +
           static_cast<double>(image_passes_bytes(stages, rows));
  }
  return sizeof(float) *
         (static_cast<double>(parameter_count(network)) + two_in_a_row * static_cast<double>(rows));
}

std::size_t average_probe_rows(const Network& network, std::size_t rows, const TrainOptions& options) {
  const double a_row = population_memory(network, 1, options) - population_memory(network, 0, options);
  const double fit = std::min(kAverageBytes / std::max(a_row, 1.0), static_cast<double>(kMostAverageRows));
  return std::min(rows, std::max(kLeastAverageRows, static_cast<std::size_t>(fit)));
}

std::size_t memory_of(const Dataset& data) {
  return data.bytes.size() + (data.floats.size() + data.targets.size() + data.weights.size()) * sizeof(float);
}

void require_memory(const Network& network, std::size_t rows, bool validates, std::size_t data_bytes,
                    const TrainOptions& options) {
  const double needed = memory_needed(network, rows, validates, options) + static_cast<double>(data_bytes);
  const MemoryLimit limit = memory_limit();
  const auto there = static_cast<double>(limit.bytes);
  if (needed <= there) return;
  constexpr double kGigabyte = 1e9;
  throw Error(
      ErrorKind::data,
      fmt::format("{} parameters, {} and batches of up to {} need {:.1f} GB of memory with the data, and {} "
                  "{:.1f}; use narrower layers, fewer rows or a smaller --batch",
                  with_commas(parameter_count(network)), counted(rows, "row"),
                  with_commas(std::min(rows, options.batch)), needed / kGigabyte, limit.words,
                  there / kGigabyte));
}

}  // namespace ztilde
