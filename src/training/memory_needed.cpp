#include "training/memory_needed.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/memory.hpp"
#include "base/text.hpp"
#include "plan/stages.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

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

double memory_needed(const Network& network, std::size_t rows, const TrainOptions& options) {
  double all = 0, two_in_a_row = 0, before = 0;
  bool measures = false;
  for (const Stage& stage : lower(network)) {
    const auto outputs = static_cast<double>(stage.outputs);
    all += outputs + static_cast<double>(stage.table_inputs()) / 2;  // their gradient alone is stored
    two_in_a_row = std::max(two_in_a_row, before + outputs);
    before = outputs;
    measures |= stage.norm == StageNorm::batch && options.statistics == StatisticsSource::population;
  }
  const double step = 2 * all * static_cast<double>(std::min(rows, options.batch));
  const double population = measures ? two_in_a_row * static_cast<double>(rows) : 0;
  const double arenas =
      static_cast<double>(2 + states_of(options.optimizer)) * static_cast<double>(parameter_count(network));
  return sizeof(float) * (arenas + std::max(step, population));
}

void require_memory(const Network& network, std::size_t rows, const TrainOptions& options) {
  const double needed = memory_needed(network, rows, options);
  const auto there = static_cast<double>(physical_memory());
  if (needed <= there) return;
  constexpr double kGigabyte = 1e9;
  throw Error(
      ErrorKind::data,
      fmt::format("{} parameters, {} and batches of up to {} need {:.1f} GB of memory, and this machine has "
                  "{:.1f}; use narrower layers, fewer rows or a smaller --batch",
                  with_commas(parameter_count(network)), counted(rows, "row"),
                  with_commas(std::min(rows, options.batch)), needed / kGigabyte, there / kGigabyte));
}

}  // namespace ztilde
