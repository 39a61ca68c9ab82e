// Times that stay honest on a shared machine: everything is measured in short chunks in turn, and
// ratios are taken within a round, where both sides met the same neighbours.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace ztilde::bench {

struct Spread {
  double low = 0, median = 0, high = 0;  // the 10th, 50th and 90th percentile
};

inline Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {at(0.1), at(0.5), at(0.9)};
}

inline Spread spread_of_ratios(const std::vector<double>& over, const std::vector<double>& under) {
  std::vector<double> ratios(over.size());
  std::transform(over.begin(), over.end(), under.begin(), ratios.begin(), std::divides<>());
  return spread_of(ratios);
}

inline double seconds_of(std::size_t times, const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < times; ++i) work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Seconds for one call of each work, by work and round.
inline std::vector<std::vector<double>> measure_in_turn(const std::vector<std::function<void()>>& works,
                                                        std::size_t rounds, double chunk_seconds) {
  constexpr std::size_t kWarmCalls = 3;
  std::vector<std::size_t> calls;
  for (const auto& work : works) {
    seconds_of(kWarmCalls, work);
    std::size_t count = 1;
    double seconds = seconds_of(count, work);
    while (seconds < chunk_seconds / 4) seconds = seconds_of(count *= 2, work);
    calls.push_back(std::max<std::size_t>(
        1, static_cast<std::size_t>(chunk_seconds / seconds * static_cast<double>(count))));
  }
  std::vector<std::vector<double>> seconds(works.size());
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < works.size(); ++turn) {
      const std::size_t i = (round + turn) % works.size();
      // OpenMP's threads spin for a while after their work; let them fall asleep first.
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      seconds_of(2, works[i]);
      seconds[i].push_back(seconds_of(calls[i], works[i]) / static_cast<double>(calls[i]));
    }
  }
  return seconds;
}

}  // namespace ztilde::bench
