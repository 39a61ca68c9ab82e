#include "lab/bowl_picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace ztilde::lab {
namespace {

using Point = std::array<double, 2>;

// Where the loss reaches `level`, around the bottom. Directions are even in the Hessian's own units, so that
// the line around a narrow bowl has points on all its sides.
std::vector<Point> contour(const Bowl& bowl, const std::vector<double>& best, double level) {
  constexpr int kDirections = 90, kHalvings = 40;
  const Eigen axes = eigen(bowl.hessian(best), 2);
  std::vector<Point> line;
  for (int i = 0; i <= kDirections; ++i) {
    const double angle = 2 * std::numbers::pi * i / kDirections;
    const double a = std::cos(angle) / std::sqrt(axes.values[0]);
    const double b = std::sin(angle) / std::sqrt(axes.values[1]);
    const auto at = [&](double radius) {
      return Point{best[0] + radius * (a * axes.vectors[0] + b * axes.vectors[2]),
                   best[1] + radius * (a * axes.vectors[1] + b * axes.vectors[3])};
    };
    const auto is_below = [&](double radius) {
      const Point point = at(radius);
      return bowl.loss({point[0], point[1]}) < level;
    };
    double low = 0, high = 1e-3;
    while (is_below(high)) high *= 2;
    for (int k = 0; k < kHalvings; ++k) (is_below((low + high) / 2) ? low : high) = (low + high) / 2;
    line.push_back(at(high));
  }
  return line;
}

// Outwards to two digits of the width, so that the axis begins and ends with a number people can read.
double rounded(double value, double width, double (*direction)(double)) {
  const double digit = std::pow(10, std::floor(std::log10(width)) - 1);
  return direction(value / digit) * digit;
}

Json line_of(const std::vector<Point>& points) {
  Json data = Json::array();
  for (const Point& point : points) data.push_back({{"x", point[0]}, {"y", point[1]}});
  return data;
}

}  // namespace

Json bowl_picture(const std::string& title, const Bowl& bowl, const std::vector<double>& best,
                  const Descent& descent, Axes axes) {
  constexpr double kMargin = 1.1;
  const double least = bowl.loss(best), start = bowl.loss({0, 0}) - least;
  Json datasets = Json::array();
  Point reach = {};
  for (const double part : {0.02, 0.15, 0.4, 0.8, 1.4}) {
    const std::vector<Point> line = contour(bowl, best, least + part * start);
    for (const Point& point : line) {
      for (std::size_t i = 0; i < 2; ++i) reach[i] = std::max(reach[i], std::abs(point[i] - best[i]));
    }
    Json dataset = {{"role", 0},        {"data", line_of(line)}, {"showLine", true},
                    {"borderWidth", 1}, {"pointRadius", 0},      {"pointHoverRadius", 0}};
    if (datasets.empty()) dataset["label"] = "lines of equal loss";
    datasets.push_back(std::move(dataset));
  }
  std::vector<Point> path;
  for (const auto& w : descent.path) path.push_back({w[0], w[1]});
  datasets.push_back({{"label", "gradient descent"},
                      {"role", 1},
                      {"data", line_of(path)},
                      {"showLine", true},
                      {"borderWidth", 2},
                      {"pointRadius", 2}});
  datasets.push_back({{"label", "the bottom"},
                      {"role", "theory"},
                      {"data", line_of({{best[0], best[1]}})},
                      {"pointRadius", 5}});
  if (axes == Axes::equal) reach[0] = reach[1] = std::max(reach[0], reach[1]);
  const double condition = eigen(bowl.hessian(best), 2).condition();
  return report::chart("scatter",
                       {{"title", fmt::format("{}: κ = {:.3g}", title, condition)},
                        {"alt", fmt::format("Contours of the loss over two weights, {} times as long as "
                                            "wide, and the path of gradient descent, "
                                            "which {} after {} steps.",
                                            std::llround(std::sqrt(condition)),
                                            descent.arrived ? "arrives" : "has not arrived", descent.steps)},
                        {"datasets", std::move(datasets)},
                        {"x", "weight of x1"},
                        {"y", "weight of x2"},
                        {"x_min", rounded(best[0] - kMargin * reach[0], reach[0], std::floor)},
                        {"x_max", rounded(best[0] + kMargin * reach[0], reach[0], std::ceil)},
                        {"y_min", rounded(best[1] - kMargin * reach[1], reach[1], std::floor)},
                        {"y_max", rounded(best[1] + kMargin * reach[1], reach[1], std::ceil)}});
}

}  // namespace ztilde::lab
