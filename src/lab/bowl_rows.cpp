#include "lab/bowl_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "lab/statistics.hpp"

namespace ztilde::lab {
namespace {

constexpr std::size_t kMostColumns = 30;

// Uniform on [0, 1), the same with every standard library.
double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

void add_row(Bowl& bowl, const std::vector<double>& inputs, bool answer) {
  bowl.x.insert(bowl.x.end(), inputs.begin(), inputs.end());
  bowl.x.push_back(1);
  bowl.y.push_back(answer ? 1 : 0);
  bowl.inputs = inputs.size() + 1;
}

// A picture measured with a ruler.
std::vector<double> measured(const std::uint8_t* pixels, std::size_t height, std::size_t width) {
  double ink = 0, inked = 0, x_sum = 0, y_sum = 0;
  std::size_t left = width, right = 0, top = height, low = 0;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const double value = pixels[y * width + x];
      if (value == 0) continue;
      ink += value;
      ++inked;
      x_sum += value * static_cast<double>(x);
      y_sum += value * static_cast<double>(y);
      left = std::min(left, x), right = std::max(right, x + 1);
      top = std::min(top, y), low = std::max(low, y + 1);
    }
  }
  if (ink == 0) return {0, 0, 0, 0, 0, 0};
  return {ink,         ink / inked, static_cast<double>(right - left), static_cast<double>(low - top),
          x_sum / ink, y_sum / ink};
}

BowlRows image_rows(const Dataset& data, std::size_t rows, double yes, double no, const std::string& words) {
  BowlRows result;
  result.names = {"ink in total", "mean brightness where there is ink", "width", "height", "centre x",
                  "centre y"};
  const auto height = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(data.columns))));
  for (std::size_t r = 0; r < data.rows && result.bowl.rows() < rows; ++r) {
    const double target = data.targets[r];
    if (target != yes && no >= 0 && target != no) continue;
    add_row(result.bowl, measured(&data.bytes[r * data.columns], height, data.columns / height),
            target == yes);
  }
  result.words = words;
  return result;
}

BowlRows table_rows(const Dataset& data, std::size_t rows, double yes) {
  BowlRows result;
  std::vector<std::size_t> columns;
  for (std::size_t c = 0; c < data.columns && columns.size() < kMostColumns; ++c) {
    if (!data.column_info.empty() && data.column_info[c].kind != ColumnKind::numeric) continue;
    columns.push_back(c);
    result.names.push_back(data.column_names[c]);
  }
  const std::vector<double> targets(data.targets.begin(), data.targets.end());
  const double middle = median(targets);
  for (std::size_t r = 0; r < data.rows && result.bowl.rows() < rows; ++r) {
    std::vector<double> inputs;
    for (const std::size_t c : columns) inputs.push_back(data.floats[r * data.columns + c]);
    if (std::ranges::any_of(inputs, [](double value) { return !std::isfinite(value); })) continue;
    add_row(result.bowl, inputs,
            data.task == Task::classify ? data.targets[r] == yes : data.targets[r] > middle);
  }
  result.words = fmt::format("the numeric columns; {}",
                             data.task == Task::regress
                                 ? fmt::format("is {} above its median?", data.target_name)
                                 : fmt::format("is it {}?", data.classes[static_cast<std::size_t>(yes)]));
  return result;
}

double most_frequent(const Dataset& data) {
  std::vector<std::size_t> counts(data.classes.size());
  for (const float target : data.targets) ++counts[static_cast<std::size_t>(target)];
  return static_cast<double>(std::ranges::max_element(counts) - counts.begin());
}

// Columns with one value have no scale.
void drop_constants(BowlRows& rows) {
  const Scaling scaling = scaling_of(rows.bowl);
  BowlRows kept{{}, rows.words, {}};
  for (std::size_t j = 0; j < rows.names.size(); ++j) {
    if (scaling.deviation[j] > 0) kept.names.push_back(rows.names[j]);
  }
  for (std::size_t r = 0; r < rows.bowl.rows(); ++r) {
    std::vector<double> inputs;
    for (std::size_t j = 0; j < rows.names.size(); ++j) {
      if (scaling.deviation[j] > 0) inputs.push_back(rows.bowl.x[r * rows.bowl.inputs + j]);
    }
    add_row(kept.bowl, inputs, rows.bowl.y[r] > 0);
  }
  rows = std::move(kept);
}

}  // namespace

BowlRows made_rows(std::size_t rows, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  BowlRows result;
  result.names = {"x1", "x2"};
  result.words = "x1 ~ U(0, 1), x2 ~ U(0, 1000)";
  for (std::size_t r = 0; r < rows; ++r) {
    const double a = uniform(random), b = uniform(random);
    const double z = 3 * (a - 0.5) - 3 * (b - 0.5);
    add_row(result.bowl, {a, 1000 * b}, uniform(random) < 1 / (1 + std::exp(-z)));
  }
  return result;
}

BowlRows real_rows(const Data& data, std::size_t rows) {
  BowlRows result;
  const Dataset& train = data.train;
  if (!data.own) {
    constexpr double kShirt = 6, kTee = 0;
    result = image_rows(train, rows, kShirt, kTee, "images in natural units; shirt or T-shirt?");
  } else if (train.is_bytes()) {
    const double yes = most_frequent(train);
    result = image_rows(
        train, rows, yes, -1,
        fmt::format("images in natural units; is it {}?", train.classes[static_cast<std::size_t>(yes)]));
  } else {
    result = table_rows(train, rows, train.task == Task::classify ? most_frequent(train) : 0);
  }
  if (result.bowl.rows() > 0) drop_constants(result);
  return result;
}

}  // namespace ztilde::lab
