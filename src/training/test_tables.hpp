// Small tables that the room's tests train on.
#pragma once

#include <cmath>

#include "base/random.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

// Three noisy spirals in the plane and a column of noise: not separable by a line.
inline Dataset spirals(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = 3;
  data.column_names = {"x", "y", "noise"};
  data.target_name = "arm";
  data.classes = {"0", "1", "2"};
  const RandomStream stream(11, Purpose::initialise, 0, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t arm = r % 3;
    const double radius = 0.1 + stream.uniform(4 * r);
    const double angle = 3 * radius + 2.0944 * static_cast<double>(arm) + 0.1 * stream.normal(100000 + r);
    data.floats.push_back(static_cast<float>(1000 + radius * std::cos(angle)));
    data.floats.push_back(static_cast<float>(radius * std::sin(angle)));
    data.floats.push_back(static_cast<float>(stream.normal(200000 + r)));
    data.targets.push_back(static_cast<float>(arm));
  }
  return data;
}

// y = 3e5 + 1e4 (x0 - 2 x1), exactly linear, in units far from 1.
inline Dataset linear(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = 2;
  data.column_names = {"a", "b"};
  data.task = Task::regress;
  const RandomStream stream(12, Purpose::initialise, 0, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto a = static_cast<float>(stream.normal(2 * r)), b = static_cast<float>(stream.normal(2 * r + 1));
    data.floats.push_back(a);
    data.floats.push_back(b);
    data.targets.push_back(3e5f + 1e4f * (a - 2 * b));
  }
  return data;
}

}  // namespace ztilde
