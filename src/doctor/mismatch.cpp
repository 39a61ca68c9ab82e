#include "doctor/mismatch.hpp"

#include <algorithm>
#include <cmath>

namespace ztilde::doctor {
namespace {

// Float arithmetic leaves so much in sums of products: of a standard deviation, of a variance.
constexpr double kRounding = 1e-5;

}  // namespace

double errors_beyond_chance(std::size_t numbers) {
  // The largest of n normal numbers is near sqrt(2 log n); 4 more for tails that are heavier than normal.
  return 4 + std::sqrt(2 * std::log(std::max<double>(2, static_cast<double>(numbers))));
}

double median(std::vector<double> numbers) {
  if (numbers.empty()) return 0;
  std::ranges::sort(numbers);
  return (numbers[(numbers.size() - 1) / 2] + numbers[numbers.size() / 2]) / 2;
}

double root_mean_square(const std::vector<double>& numbers) {
  double sum = 0;
  for (const double number : numbers) sum += number * number;
  return std::sqrt(sum / static_cast<double>(numbers.size()));
}

ChannelRange range_of(const std::vector<double>& numbers) {
  const auto most = std::ranges::max_element(numbers);
  return {median(numbers), *most, static_cast<std::size_t>(most - numbers.begin())};
}

Mismatch mismatch(const NormMoments& measured, std::span<const double> stored, std::uint64_t updates,
                  StatisticsSource source, const Record& record, double rows) {
  const std::size_t channels = measured.channels();
  const double epsilon = measured.fields.epsilon;
  const bool running = source == StatisticsSource::running && updates > 1;
  // Standard errors over these rows, times this: the stored ones are of as many rows as they are of.
  const double chance = std::sqrt(1 + rows / (record.rows > 0 ? record.rows : rows));
  // And where they are running ones, of a channel's errors over a batch, which keep averages.
  const double noise =
      running ? running_noise(measured.fields.keep) * std::sqrt(rows / static_cast<double>(record.batch)) : 0;
  Mismatch found;
  std::vector<double> means, deviations, far;
  for (std::size_t c = 0; c < channels; ++c) {
    const double variance = measured.variance[c] + epsilon, deviation = std::sqrt(variance);
    const double difference = stored[c] - measured.mean[c];
    found.mean.push_back(difference == 0 ? 0 : difference / deviation);
    const double ratio = (stored[channels + c] + epsilon) / variance;
    found.log_ratio.push_back(stored[channels + c] == measured.variance[c] ? 0 : std::log(ratio));
    const double mean_chance =
        deviation == 0 ? 1 : std::hypot(measured.mean_error[c] * chance / deviation, kRounding);
    const double ratio_chance =
        variance == 0 ? 1 : std::hypot(measured.variance_error[c] * chance / variance, 2 * kRounding);
    const double deviation_error = deviation > 0 ? measured.mean_error[c] / deviation : 0;
    const double variance_error = variance > 0 ? measured.variance_error[c] / variance : 0;
    found.ratio_chance.push_back(std::hypot(ratio_chance, variance_error * noise));
    found.running_chance.push_back(deviation_error * noise);
    found.mean_errors.push_back(std::abs(found.mean[c]) / mean_chance);
    found.ratio_errors.push_back(std::abs(found.log_ratio[c]) / ratio_chance);
    means.push_back(std::abs(found.mean[c]));
    deviations.push_back(std::exp(std::abs(found.log_ratio[c]) / 2));
    far.push_back(std::max(means[c], std::abs(found.log_ratio[c]) / 2));
  }
  const double limit = errors_beyond_chance(2 * channels);
  for (std::size_t c = 0; c < channels; ++c) {
    if (!(std::max(found.mean_errors[c], found.ratio_errors[c]) <= limit)) found.channels.push_back(c);
  }
  std::ranges::stable_sort(found.channels, [&](std::size_t a, std::size_t b) { return far[a] > far[b]; });
  found.distance = {range_of(means), range_of(deviations)};
  return found;
}

}  // namespace ztilde::doctor
