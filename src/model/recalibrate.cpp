// Population statistics measured anew over other rows, and how far they moved.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "layers/layer.hpp"
#include "model/scoring.hpp"
#include "model/statistics_move.hpp"
#include "plan/population.hpp"
#include "ztilde/error.hpp"
#include "ztilde/model.hpp"

namespace ztilde {
namespace {

ChannelRange range_of(std::vector<double> numbers) {
  const auto most = std::ranges::max_element(numbers);
  ChannelRange range{0, *most, static_cast<std::size_t>(most - numbers.begin())};
  std::ranges::sort(numbers);
  range.median = (numbers[(numbers.size() - 1) / 2] + numbers[numbers.size() / 2]) / 2;
  return range;
}

}  // namespace

Model with_population_statistics(const Model& model, const Dataset& data, std::size_t threads) {
  require_columns(model, data);
  if (data.rows == 0) throw Error(ErrorKind::data, "the data have no rows; there is nothing to measure");
  if (data.rows == 1)
    throw Error(ErrorKind::data, "the data have 1 row, which has no variance; give 2 rows or more");
  Model measured = model;
  Team team(InferencePlan::workers_for(model.network, data.rows, threads));
  const auto fault = measure_population(model.network, model.parameters.data(), whole(data, model.network),
                                        team, measured.statistics, measured.statistic_batches);
  if (fault) {
    throw Error(ErrorKind::diverged,
                fmt::format("NaN or infinity in {}, channel {}; there are no statistics to keep",
                            layers::label(model.network, fault->layer), fault->channel));
  }
  measured.statistics_source = StatisticsSource::population;
  measured.training.recalibrated_rows = data.rows;
  measured.fold_certificate.reset();
  measured.drift.reset();  // it was about the statistics of before
  measured.test_outputs = outputs(measured, measured.test_inputs, 1);
  return measured;
}

std::vector<StatisticsMove> statistics_moves(const Model& before, const Model& after) {
  if (before.network != after.network)
    throw Error(ErrorKind::data, "the models have different networks; compare two of the same network");
  std::vector<StatisticsMove> moves;
  for (const StatisticSlot& slot : statistic_slots(before.network)) {
    const auto* norm = std::get_if<BatchNorm>(&before.network.layers[slot.layer]);
    if (norm == nullptr) continue;
    moves.push_back(statistics_move(slot.layer, norm->epsilon,
                                    std::span(before.statistics).subspan(slot.offset, 2 * slot.channels),
                                    std::span(after.statistics).subspan(slot.offset, 2 * slot.channels)));
  }
  return moves;
}

StatisticsMove statistics_move(std::size_t layer, double epsilon, std::span<const double> before,
                               std::span<const double> after) {
  const std::size_t channels = before.size() / 2;
  std::vector<double> means, deviations;
  for (std::size_t c = 0; c < channels; ++c) {
    const double then = std::sqrt(before[channels + c] + epsilon);
    const double now = std::sqrt(after[channels + c] + epsilon);
    const double difference = std::abs(after[c] - before[c]);
    means.push_back(difference > 0 ? difference / then : 0);
    deviations.push_back(now > then ? now / then : then > now ? then / now : 1);
  }
  return {layer, channels, range_of(std::move(means)), range_of(std::move(deviations))};
}

}  // namespace ztilde
