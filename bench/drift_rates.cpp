// How often ztilde/monitor.hpp says drift: on fresh rows like the training rows, and on rows changed in known
// ways (docs/monitor.md).
//   drift_rates table MODELS SAMPLES ROWS    made-up tables, every sample fresh
//   drift_rates fashion MODELS SAMPLES DIR   Fashion-MNIST, samples of its test images
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "ztilde/monitor.hpp"
#include "ztilde/train.hpp"

namespace {

using namespace ztilde;

constexpr std::size_t kSizes[] = {50, 200, 1000, 5000};

// Numbers of many kinds, some heavy-tailed, some rare, some missing; two columns of categories.
Dataset made_table(std::size_t rows, std::uint64_t seed) {
  Dataset data;
  data.rows = rows;
  data.target_name = "y";
  data.classes = {"no", "yes"};
  data.rules.missing = MissingUse::indicator;
  std::vector<std::string> colours, towns;
  for (int i = 0; i < 5; ++i) colours.push_back(fmt::format("colour{}", i));
  for (int i = 0; i < 40; ++i) towns.push_back(fmt::format("town{}", i));
  data.column_info = {{"normal"},
                      {"tied"},
                      {"income"},
                      {"visits"},
                      {"rare"},
                      {"heavy"},
                      {"gaps"},
                      {"colour", ColumnKind::categorical, colours},
                      {"town", ColumnKind::categorical, towns}};
  for (int i = 0; i < 8; ++i) data.column_info.push_back({fmt::format("n{}", i)});
  data.columns = data.column_info.size();
  for (const Column& column : data.column_info) data.column_names.push_back(column.name);
  const RandomStream random(seed, Purpose::initialise, 1, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    std::uint64_t at = std::uint64_t{r} * 64;
    const auto uniform = [&] { return random.uniform(at++); };
    const auto normal = [&] { return random.normal((at += 2) / 2); };
    const double first = normal(), second = 0.8 * first + 0.6 * normal(), u = uniform();
    std::vector<double> row = {first, 100 + 5 * second, std::exp(8 + normal())};
    row.push_back(std::floor(-3 * std::log(uniform())));
    row.push_back(uniform() < 0.01 ? 1 : 0);
    row.push_back(normal() /
                  std::sqrt((std::pow(normal(), 2) + std::pow(normal(), 2) + std::pow(normal(), 2) +
                             std::pow(normal(), 2) + std::pow(normal(), 2)) /
                            5));
    const double gap = normal();
    row.push_back(uniform() < 0.1 ? NAN : gap);
    row.push_back(u < 0.05 ? 4 : std::floor(4 * (u - 0.05) / 0.95));
    row.push_back(std::floor(40 * std::pow(uniform(), 3)));
    for (int i = 0; i < 8; ++i) row.push_back(0.5 * second + normal());
    for (const double number : row) data.floats.push_back(static_cast<float>(number));
    const double score = first - 0.5 * row[4] + (row[7] == 2 ? 1 : 0) + 0.5 * row[9] * row[10];
    data.targets.push_back(score + normal() > 0 ? 1 : 0);
  }
  return data;
}

// `rows` of a data set, drawn without replacement where they fit.
Dataset sample_of(const Dataset& all, const std::vector<std::uint32_t>& from, std::size_t rows,
                  std::uint64_t seed) {
  std::vector<std::uint32_t> order = from;
  const RandomStream random(seed, Purpose::shuffle, 7, 0);
  Dataset some = all;
  some.rows = std::min(rows, order.size());
  some.bytes.clear();
  some.targets.clear();
  for (std::size_t i = 0; i < some.rows; ++i) {
    std::swap(order[i], order[i + random.below(static_cast<std::uint32_t>(order.size() - i), i)]);
    const std::uint8_t* row = all.bytes.data() + order[i] * all.columns;
    some.bytes.insert(some.bytes.end(), row, row + all.columns);
  }
  return some;
}

struct Rate {
  std::size_t calls = 0, drifted = 0, by_columns = 0, by_layers = 0;
  double ratio = 0;
  void add(const DriftReport& report, bool show) {
    ++calls;
    drifted += report.drifted();
    bool columns = false, layers = false;
    for (const DriftFinding& of : report.findings) {
      const bool layer = of.kind == DriftKind::layer_means || of.kind == DriftKind::layer_deviations;
      (layer ? layers : columns) |= of.beyond();
    }
    by_columns += columns;
    by_layers += layers;
    if (report.drifted() && show) {
      const DriftFinding& of = report.findings.front();
      std::fprintf(stderr, "%zu rows: %s %s %.4g > %.4g\n", static_cast<std::size_t>(report.rows),
                   of.name.c_str(), std::string(to_string(of.kind)).c_str(), of.distance, of.threshold);
    }
    ratio += report.findings.front().ratio();
  }
};

using Change = std::function<void(Dataset&)>;
struct Scenario {
  std::string name;
  Change change;
};

void change_column(Dataset& data, std::size_t column, const std::function<float(float, std::size_t)>& map) {
  for (std::size_t r = 0; r < data.rows; ++r) {
    float& cell = data.floats[r * data.columns + column];
    cell = map(cell, r);
  }
}

void print(const std::string& name, const std::vector<Rate>& rates) {
  std::string line = "| " + name + " |";
  for (const Rate& rate : rates) {
    const auto percent = [&](std::size_t count) {
      return 100 * static_cast<double>(count) / static_cast<double>(rate.calls);
    };
    line +=
        fmt::format(" {:.1f} % ({:.1f}, {:.1f}) ×{:.2f} |", percent(rate.drifted), percent(rate.by_columns),
                    percent(rate.by_layers), rate.ratio / static_cast<double>(rate.calls));
  }
  std::puts(line.c_str());
  std::fflush(stdout);
}

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void tables(std::size_t models, std::size_t samples, std::size_t rows) {
  const std::vector<Scenario> scenarios = {
      {"nothing changed", [](Dataset&) {}},
      {"column moved by 0.2 σ",
       [](Dataset& d) { change_column(d, 0, [](float x, auto) { return x + 0.2f; }); }},
      {"column moved by 0.5 σ",
       [](Dataset& d) { change_column(d, 0, [](float x, auto) { return x + 0.5f; }); }},
      {"income ×10", [](Dataset& d) { change_column(d, 2, [](float x, auto) { return 10 * x; }); }},
      {"spread of a column ×1.2",
       [](Dataset& d) { change_column(d, 0, [](float x, auto) { return 1.2f * x; }); }},
      {"category of 5 % vanishes",
       [](Dataset& d) { change_column(d, 7, [](float x, auto r) { return x == 4 ? float(r % 4) : x; }); }},
      {"missing 10 % → 20 %",
       [](Dataset& d) { change_column(d, 6, [](float x, auto r) { return r % 9 == 0 ? NAN : x; }); }},
      {"two columns no longer go together",
       [](Dataset& d) {
         std::vector<float> first(d.rows);
         for (std::size_t r = 0; r < d.rows; ++r) first[r] = d.floats[((r + 1) % d.rows) * d.columns];
         change_column(d, 0, [&](float, auto r) { return first[r]; });
       }},
  };
  std::vector<std::vector<Rate>> rates(scenarios.size(), std::vector<Rate>(std::size(kSizes)));
  std::vector<Rate> assumed(std::size(kSizes));
  double training = 0;
  for (std::size_t m = 0; m < models; ++m) {
    TrainOptions options;
    options.hidden = {64, 64};
    options.epochs = 10;
    options.seed = m;
    const double begin = seconds();
    const Model model = train(made_table(rows, 1000 + m), options).model;
    training += seconds() - begin;
    Model bare = model;
    bare.drift.reset();
    for (std::size_t s = 0; s < std::size(kSizes); ++s) {
      for (std::size_t i = 0; i < samples; ++i) {
        const Dataset fresh = made_table(kSizes[s], 1'000'000 * (m + 1) + 10'000 * s + i);
        for (std::size_t c = 0; c < scenarios.size(); ++c) {
          if (c > 0 && i >= samples / 10) break;  // power shows in fewer
          if (c == 0) assumed[s].add(drift(bare, fresh, {.threads = 1}), false);
          Dataset changed = fresh;
          scenarios[c].change(changed);
          changed.targets.clear();
          rates[c][s].add(drift(model, changed, {.threads = 1}), c == 0 && std::getenv("SHOW"));
        }
      }
    }
  }
  for (std::size_t c = 0; c < scenarios.size(); ++c) print(scenarios[c].name, rates[c]);
  print("nothing changed, thresholds assumed", assumed);
  std::printf("%zu models of %zu rows, trained in %.1f s each\n", models, rows,
              training / static_cast<double>(models));
}

void fashion(std::size_t models, std::size_t samples, const std::string& folder) {
  const Dataset data =
      read_idx(folder + "/train-images-idx3-ubyte.gz", folder + "/train-labels-idx1-ubyte.gz");
  const Dataset test = read_idx(folder + "/t10k-images-idx3-ubyte.gz", folder + "/t10k-labels-idx1-ubyte.gz");
  std::vector<std::uint32_t> all(test.rows), one;
  std::iota(all.begin(), all.end(), 0u);
  for (std::uint32_t r = 0; r < test.rows; ++r)
    if (test.targets[r] == 7) one.push_back(r);
  const auto pixels = [](double factor, double shift) {
    return [=](Dataset& d) {
      for (std::uint8_t& byte : d.bytes)
        byte = static_cast<std::uint8_t>(std::clamp(factor * byte + shift, 0.0, 255.0));
    };
  };
  struct Images {
    std::string name;
    const std::vector<std::uint32_t>& from;
    Change change;
  };
  const std::vector<Images> scenarios = {{"nothing changed", all, [](Dataset&) {}},
                                         {"dimmed by 5 %", all, pixels(0.95, 0)},
                                         {"dimmed by 20 %", all, pixels(0.8, 0)},
                                         {"dimmed by half", all, pixels(0.5, 0)},
                                         {"only class 7", one, [](Dataset&) {}}};
  std::vector<std::vector<Rate>> rates(scenarios.size(), std::vector<Rate>(std::size(kSizes)));
  double training = 0;
  for (std::size_t m = 0; m < models; ++m) {
    TrainOptions options;
    options.epochs = 3;
    options.seed = m;
    const double begin = seconds();
    const Model model = train(data, options).model;
    training += seconds() - begin;
    for (std::size_t s = 0; s < std::size(kSizes); ++s) {
      for (std::size_t i = 0; i < samples; ++i) {
        for (std::size_t c = 0; c < scenarios.size(); ++c) {
          if (c > 0 && i >= std::max<std::size_t>(samples / 20, 2)) break;
          Dataset changed = sample_of(test, scenarios[c].from, kSizes[s], 10'000 * s + i + 1'000'000 * m);
          scenarios[c].change(changed);
          rates[c][s].add(drift(model, changed, {.threads = 1}), c == 0 && std::getenv("SHOW"));
        }
      }
    }
  }
  for (std::size_t c = 0; c < scenarios.size(); ++c) print(scenarios[c].name, rates[c]);
  std::printf("%zu models, trained in %.1f s each\n", models, training / static_cast<double>(models));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::puts("drift_rates table MODELS SAMPLES ROWS | fashion MODELS SAMPLES DIR");
    return 2;
  }
  const std::string kind = arguments[1];
  const auto number = [&](int i) { return static_cast<std::size_t>(std::atoll(arguments[i])); };
  if (kind == "table") tables(number(2), number(3), number(4));
  if (kind == "fashion") fashion(number(2), number(3), arguments[4]);
  return 0;
}
