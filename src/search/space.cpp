// The points of a space.
#include "search/space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/random.hpp"
#include "search/sequence.hpp"

namespace ztilde::search {
namespace {

// A cut of [0, 1) into `count` equal parts.
std::size_t part(double u, std::size_t count) {
  return std::min(static_cast<std::size_t>(u * static_cast<double>(count)), count - 1);
}

double between(double least, double most, double u) { return least + u * (most - least); }
double between_logarithms(double least, double most, double u) {
  return std::exp(between(std::log(least), std::log(most), u));
}

std::size_t whole_between(const Dimension& dimension, bool logarithmic, double u) {
  const double value = logarithmic ? between_logarithms(dimension.least - 0.5, dimension.most + 0.5, u)
                                   : between(dimension.least - 0.5, dimension.most + 0.5, u);
  return static_cast<std::size_t>(std::clamp(std::round(value), dimension.least, dimension.most));
}

// Few digits, so that a command can be read; never past the bounds, which may have more.
std::string real_text(const Dimension& dimension, double value) {
  const double rounded = std::strtod(fmt::format("{:.4g}", value).c_str(), nullptr);
  return fmt::format("{}", std::clamp(rounded, dimension.least, dimension.most));
}

std::size_t coordinates(const Dimension& dimension) {
  return dimension.kind == DimensionKind::layers ? 2 : 1;
}

std::string layers_text(const Dimension& dimension, double u_width, double u_layers) {
  const std::size_t width = whole_between(dimension, true, u_width);
  const std::size_t count =
      dimension.least_layers + part(u_layers, dimension.most_layers - dimension.least_layers + 1);
  return fmt::format("{}", fmt::join(std::vector<std::size_t>(count, width), ","));
}

std::string value_text(const Dimension& dimension, double u, double second) {
  switch (dimension.kind) {
    case DimensionKind::real:
      return real_text(dimension, between(dimension.least, dimension.most, u));
    case DimensionKind::logarithmic:
      return real_text(dimension, between_logarithms(dimension.least, dimension.most, u));
    case DimensionKind::whole:
      return fmt::format("{}", whole_between(dimension, dimension.logarithmic_whole, u));
    case DimensionKind::choice:
      return dimension.choices[part(u, dimension.choices.size())];
    case DimensionKind::layers:
      return layers_text(dimension, u, second);
  }
  return {};
}

OptionTexts drawn(const StudyPlan& plan, std::size_t trial) {
  OptionTexts options;
  std::size_t coordinate = 0;
  for (const Dimension& dimension : plan.dimensions) {
    const double u = sequence_coordinate(plan.seed, trial, coordinate);
    const bool two = coordinates(dimension) == 2;
    const double second = two ? sequence_coordinate(plan.seed, trial, coordinate + 1) : 0;
    options.emplace_back(dimension.option, value_text(dimension, u, second));
    coordinate += coordinates(dimension);
  }
  return options;
}

// A range around a default: a factor of ten to both sides.
std::string decades_around(double value) { return fmt::format("{:.4g}..{:.4g}:log", value / 10, value * 10); }

}  // namespace

OptionTexts options_of(const StudyPlan& plan, std::size_t trial) {
  return trial == 0 && !plan.first.empty() ? plan.first : drawn(plan, trial);
}

std::uint64_t training_seed(const StudyPlan& plan, std::size_t trial) {
  if (trial == 0) return plan.seed;
  // A stream of its own: no layer of a network has this number (base/random.hpp).
  constexpr std::uint32_t kStream = 0xFFFFFFE0u;
  const PhiloxKey key = {static_cast<std::uint32_t>(plan.seed), static_cast<std::uint32_t>(plan.seed >> 32)};
  const std::uint64_t number = trial;
  const PhiloxBlock block =
      philox({static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32), 0, kStream}, key);
  return std::uint64_t{block[0]} << 32 | block[1];
}

std::vector<Dimension> default_space(const SpaceDefaults& defaults) {
  OptionTexts texts = {{"--lr", decades_around(defaults.learning_rate)}};
  const std::size_t quarter = std::max<std::size_t>(defaults.batch / 4, 2);
  texts.emplace_back("--batch", fmt::format("{},{},{}", quarter, quarter * 4, quarter * 16));
  texts.emplace_back("--weight-decay",
                     decades_around(defaults.weight_decay > 0 ? defaults.weight_decay : 0.001));
  if (!defaults.is_network) {
    texts.emplace_back("--hidden", "64..512x1..4");
    texts.emplace_back("--dropout", "0,0.1,0.3");
  }
  std::vector<Dimension> dimensions;
  for (const auto& [option, text] : texts) dimensions.push_back(*dimension_of(option, text));
  return dimensions;
}

OptionTexts first_options(const StudyPlan& plan, const OptionTexts& standards) {
  OptionTexts options = drawn(plan, 0);
  for (std::size_t i = 0; i < options.size(); ++i) {
    for (const auto& [option, text] : standards)
      if (option == options[i].first && contains(plan.dimensions[i], text)) options[i].second = text;
  }
  return options;
}

}  // namespace ztilde::search
