#include "lab/learning_words.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "lab/statistics.hpp"

namespace ztilde::lab {

using report::Json;

std::string mean_and_deviation(const std::vector<double>& scores) {
  return fmt::format("{:.2f} ± {:.2f}", 100 * mean(scores), 100 * deviation(scores));
}

std::string rate_words(const std::vector<Arm>& arms, const Rates& rates, std::size_t arm) {
  return fmt::format("{:.4g}{}", rates.best[arm],
                     rates.at_edge(arms, arm) ? ", at the edge of those tried" : "");
}

double mean_seconds(const std::vector<Course>& seeds) {
  std::vector<double> seconds;
  for (const Course& each : seeds) seconds.push_back(each.seconds.back());
  return mean(seconds);
}

std::string protocol_words(const std::vector<Arm>& arms, std::size_t seeds, const Dataset& train,
                           const Dataset& valid, const Dataset& test) {
  const auto [least, most] = std::ranges::minmax(arms, {}, [](const Arm& arm) { return arm.rates.size(); });
  const std::string count = least.rates.size() == most.rates.size()
                                ? fmt::format("{}", least.rates.size())
                                : fmt::format("{} to {}", least.rates.size(), most.rates.size());
  return fmt::format(
      "trained on {} rows; the rate of each arm chosen from {} on {} validation rows; {} for all arms alike; "
      "compared on {} test rows with population statistics",
      with_commas(train.rows), count, with_commas(valid.rows), counted(seeds, "seed"),
      with_commas(test.rows));
}

Json raw_points(const std::vector<Arm>& arms, const Rates& rates,
                const std::vector<std::vector<Course>>& learned, std::span<const std::uint64_t> looks) {
  Json result = Json::array();
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    Json seeds = Json::array();
    for (const Course& each : learned[arm])
      seeds.push_back({{"scores", each.scores}, {"diverged", each.diverged}});
    result.push_back({{"arm", arms[arm].name},
                      {"rates", arms[arm].rates},
                      {"valid_scores", rates.scores[arm]},
                      {"rate", rates.best[arm]},
                      {"steps", std::vector<std::uint64_t>(looks.begin(), looks.end())},
                      {"seeds", std::move(seeds)}});
  }
  return result;
}

Json mean_line(const std::string& label, const Json& role, const std::vector<Course>& seeds,
               std::span<const std::uint64_t> looks) {
  Json data = Json::array();
  for (std::size_t look = 0; look < looks.size(); ++look)
    data.push_back({{"x", looks[look]}, {"y", 100 * mean(at_look(seeds, look))}});
  return {{"label", label}, {"role", role}, {"data", std::move(data)}};
}

}  // namespace ztilde::lab
