// Small runs that are broken off and go on, for the tests of checkpoints.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "base/random.hpp"
#include "model/model_file.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

inline Dataset some_rows(std::size_t rows, Task task = Task::classify) {
  Dataset data;
  data.rows = rows;
  data.columns = 2;
  data.column_names = {"a", "b"};
  data.target_name = "kind";
  data.task = task;
  if (task == Task::classify) data.classes = {"x", "y", "z"};
  const RandomStream stream(5, Purpose::initialise, 0, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto target = static_cast<float>(r % 3);
    data.floats.push_back(target + static_cast<float>(stream.normal(2 * r)));
    data.floats.push_back(target * static_cast<float>(stream.normal(2 * r + 1)));
    data.targets.push_back(target);
  }
  return data;
}

inline TrainOptions small_options() {
  TrainOptions options;
  options.hidden = {8, 8};
  options.dropout = 0.2;
  options.batch = 16;
  options.epochs = 4;
  options.threads = 1;
  options.clip_norm = 1;
  options.valid_fraction = 0.2;
  return options;
}

inline std::string bytes_of(const TrainResult& result) { return model_file::to_bytes(result.model, "model"); }

// Trains until `steps` are done, in a run that goes on from its checkpoint where there is one.
inline TrainResult train_until(const Dataset& data, TrainOptions options, const std::string& path,
                               std::uint64_t steps) {
  options.checkpoint.path = path;
  options.checkpoint.resume = true;
  std::uint64_t done = 0;
  TrainObserver observer;
  observer.on_start = [&](const TrainPlanSummary& plan) { done = plan.resumed_steps; };
  observer.should_stop = [&] { return ++done >= steps; };
  return train(data, options, observer);
}

constexpr std::uint64_t kToTheEnd = ~std::uint64_t{0};

// A column of 30 categories, some of them in validation rows only, gets a trained table.
inline Dataset table_rows(std::size_t rows) {
  Dataset data = some_rows(rows);
  data.column_info = {{"a", ColumnKind::numeric, {}}, {"b", ColumnKind::categorical, {}}};
  data.rules.missing = MissingUse::indicator;
  for (int c = 0; c < 30; ++c) data.column_info[1].categories.push_back("c" + std::to_string(c));
  const RandomStream stream(6, Purpose::initialise, 0, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    data.floats[2 * r + 1] = std::floor(31 * static_cast<float>(stream.uniform(r)));
    if (r % 7 == 0) data.floats[2 * r] = std::nanf("");
    data.weights.push_back(0.5f + static_cast<float>(r % 3));
  }
  return data;
}

}  // namespace ztilde
