// Small tables that the room's tests train on.
#pragma once

#include <cmath>
#include <random>

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

// Two kinds of images, bright at the top or at the bottom.
inline Dataset images(std::size_t rows = 90) {
  Dataset data;
  data.rows = rows;
  data.image_width = 6;
  data.image_height = 5;
  data.columns = 30;
  data.classes = {"bottom", "top"};
  std::mt19937 random(2);
  for (std::size_t r = 0; r < rows; ++r) {
    const bool top = r % 2 == 1;
    data.targets.push_back(top ? 1 : 0);
    for (std::size_t i = 0; i < data.columns; ++i)
      data.bytes.push_back(static_cast<std::uint8_t>(random() % 100 + (top == (i < 12) ? 120 : 0)));
  }
  return data;
}

// Two classes by a number and by which of 40 categories a row has.
inline Dataset categories(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = 2;
  data.column_names = {"number", "place"};
  data.column_info = {{"number"}, {"place", ColumnKind::categorical, std::vector<std::string>(40)}};
  data.classes = {"no", "yes"};
  for (std::size_t i = 0; i < 40; ++i) data.column_info[1].categories[i] = std::to_string(i);
  const RandomStream stream(13, Purpose::initialise, 0, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t place = r * 7 % 40;
    data.floats.push_back(static_cast<float>(stream.normal(r)));
    data.floats.push_back(static_cast<float>(place));
    data.targets.push_back((data.floats[2 * r] > 1) != (place % 3 == 0) ? 1.0f : 0.0f);
  }
  return data;
}

}  // namespace ztilde
