// Does batch norm make the choice of learning rate and first weights less of a matter?
#include "lab/map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "lab/course.hpp"
#include "lab/experiments.hpp"
#include "lab/statistics.hpp"

namespace ztilde::lab {

Areas areas_of(std::span<const Cell> without, std::span<const Cell> with, double points) {
  Areas areas;
  areas.best = -std::numeric_limits<double>::infinity();
  for (const auto& cells : {without, with}) {
    for (const Cell& cell : cells) {
      if (!cell.diverged) areas.best = std::max(areas.best, cell.score);
    }
  }
  // A little more than rounding, so that a cell at exactly the distance counts.
  const auto works = [&](const Cell& cell) {
    return !cell.diverged && areas.best - cell.score <= points / 100 + 1e-12;
  };
  areas.without = static_cast<std::size_t>(std::ranges::count_if(without, works));
  areas.with = static_cast<std::size_t>(std::ranges::count_if(with, works));
  return areas;
}

namespace {

constexpr double kPoints = 2;
constexpr double kLeastRate = 1e-4, kMostRate = 1e2, kLeastScale = 1e-2, kMostScale = 1e2;

// count numbers from least to most, evenly on a logarithmic axis.
std::vector<double> log_range(double least, double most, std::size_t count) {
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(least * std::pow(most / least, static_cast<double>(i) / static_cast<double>(count - 1)));
  return values;
}

struct Sizes {
  std::vector<double> rates, scales;
  std::size_t rows, judged, seeds;
};

Sizes sizes_of(const Context& context) {
  return {log_range(kLeastRate, kMostRate, context.pick<std::size_t>(13, 7)),
          log_range(kLeastScale, kMostScale, context.pick<std::size_t>(7, 5)),
          context.pick<std::size_t>(10000, 2500), context.pick<std::size_t>(10000, 2500),
          context.pick<std::size_t>(2, 1)};
}

TrainOptions options_of(bool batch_norm, double rate, double scale, std::uint64_t seed) {
  TrainOptions options;
  options.hidden = std::vector<std::size_t>(5, 128);
  options.batch_norm = batch_norm;
  options.init_scale = scale;
  options.optimizer = OptimizerKind::sgd;
  options.learning_rate = rate;
  options.batch = 64;
  options.seed = seed;
  return options;
}

Json heatmap_of(const std::string& title, const Sizes& sizes, std::span<const Cell> cells, std::size_t area,
                const Areas& areas, bool classify) {
  report::Heatmap map;
  map.title =
      fmt::format("{}: {} of {} cells are within {} points of the best", title, area, cells.size(), kPoints);
  map.alt = fmt::format("{} by learning rate and scale of the first weights, {}; hatched cells diverged",
                        classify ? "accuracy" : "R²", map.title);
  map.x.label = "learning rate";
  map.y.label = "first weights, times He's";
  for (const double rate : sizes.rates) map.x.ticks.push_back(two_digits(rate));
  for (std::size_t s = sizes.scales.size(); s-- > 0;) {
    map.y.ticks.push_back(two_digits(sizes.scales[s]));
    auto& row = map.cells.emplace_back();
    auto& hatched = map.hatched.emplace_back();
    for (std::size_t r = 0; r < sizes.rates.size(); ++r) {
      const Cell& cell = cells[s * sizes.rates.size() + r];
      row.push_back(cell.diverged ? std::nullopt : std::optional(std::max(0.0, 100 * cell.score)));
      hatched.push_back(cell.diverged);
    }
  }
  map.scale = {.label = classify ? "accuracy" : "R², in hundredths",
               .least = 0,
               .most = std::max(1.0, 100 * areas.best),
               .unit = classify ? "%" : ""};
  map.values = true;
  return report::heatmap(map);
}

Findings run(Context& context) {
  const Sizes sizes = sizes_of(context);
  const Dataset train = first_rows(context.data.train, sizes.rows);
  const Dataset test = first_rows(context.data.test, sizes.judged);
  const std::size_t plane = sizes.rates.size() * sizes.scales.size();

  // By [arm][scale][rate], then seed.
  std::array<std::vector<std::vector<Course>>, 2> courses;
  for (auto& arm : courses) arm.assign(plane, std::vector<Course>(sizes.seeds));
  std::uint64_t steps = 0;
  {
    TrainOptions options = options_of(true, 1, 1, 0);
    options.threads = 1;
    options.valid_fraction = 0;
    steps = TrainSession(train, options).steps_per_epoch();
  }
  context.parallel(1, 2 * plane * sizes.seeds, [&](Trial& trial) {
    const bool batch_norm = trial.index % 2 == 1;
    const std::size_t seed = trial.index / 2 % sizes.seeds, cell = trial.index / 2 / sizes.seeds;
    const double rate = sizes.rates[cell % sizes.rates.size()],
                 scale = sizes.scales[cell / sizes.rates.size()];
    const Measure measure{&train, test, {steps}, {}, [&](double done) { trial.tell(done); }};
    courses[batch_norm][cell][seed] =
        run_course(train, options_of(batch_norm, rate, scale, context.seed + seed), measure);
  });

  std::array<std::vector<Cell>, 2> maps;
  for (int arm = 0; arm < 2; ++arm) {
    for (const auto& seeds : courses[arm]) {
      Cell cell;
      for (const Course& course : seeds) {
        cell.score += course.scores.front() / static_cast<double>(sizes.seeds);
        cell.diverged = cell.diverged || course.diverged;
      }
      maps[arm].push_back(cell);
    }
  }
  const Areas areas = areas_of(maps[0], maps[1], kPoints);
  const bool classify = train.task == Task::classify;

  Findings findings;
  // Where nothing works without batch norm, the ratio is that to a single cell: no more than is known.
  findings.values = {static_cast<double>(areas.with) /
                     static_cast<double>(std::max<std::size_t>(1, areas.without))};
  findings.sentence = fmt::format(
      "{} of {} settings work with batch norm, {} without, where working is to be within {} points of the "
      "best {}, {}.",
      areas.with, plane, areas.without, kPoints, score_name(train.task), score_words(areas.best, train.task));
  findings.blocks.push_back(heatmap_of("With batch norm", sizes, maps[1], areas.with, areas, classify));
  findings.blocks.push_back(heatmap_of("Without", sizes, maps[0], areas.without, areas, classify));
  const Areas plain = areas_of(maps[0], {}, kPoints), own = areas_of({}, maps[1], kPoints);
  findings.blocks.push_back(
      report::figures({{"best with batch norm", score_words(own.best, train.task),
                        fmt::format("{} cells within {} points of it", own.with, kPoints)},
                       {"best without", score_words(plain.best, train.task),
                        fmt::format("{} cells within {} points of it", plain.without, kPoints)}}));
  findings.points = {{"rates", sizes.rates}, {"scales", sizes.scales}, {"best", areas.best}};
  for (int arm = 0; arm < 2; ++arm) {
    Json& points = findings.points[arm == 1 ? "with" : "without"];
    for (const auto& seeds : courses[arm]) {
      Json scores = Json::array();
      for (const Course& course : seeds)
        scores.push_back(course.diverged ? Json() : Json(course.scores.front()));
      points.push_back(std::move(scores));
    }
  }
  findings.ran = fmt::format(
      "Five hidden layers of 128 with relu, one pass over {} rows in batches of 64 ({} steps) of plain "
      "gradient descent at a constant rate, judged by {} "
      "test rows; {} learning rates times {} scales of the first weights (He's, times {} to {}), "
      "with and without batch norm, {}: {} runs.",
      with_commas(train.rows), with_commas(steps), with_commas(test.rows), sizes.rates.size(),
      sizes.scales.size(), two_digits(kLeastScale), two_digits(kMostScale),
      sizes.seeds == 1 ? "one seed" : fmt::format("{} seeds averaged", sizes.seeds), 2 * plane * sizes.seeds);
  findings.why_not =
      context.data.own
          ? "On these rows the network without batch norm learns in a single pass wherever the one with it "
            "does, or neither does: rows that are few, "
            "or easy, leave little to gain."
          : "Batch norm does not care about the scale of the weights below it, but the last layer has none "
            "above it, and steps count by the size of the weights: "
            "large weights need large rates. A single pass also leaves small rates behind in both arms.";
  return findings;
}

}  // namespace

Experiment map() {
  return {.name = "map",
          .title = "The map of settings",
          .claim = "With batch norm a network works for a wider range of learning rates and first weights.",
          .source = "The lecture; Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.3",
          .about =
              "The same network is trained at every crossing of a learning rate and a scale of its first "
              "weights. "
              "The score is the number of crossings that end within 2 points of the best of all.",
          .thresholds = {{.label = "area with batch norm over without",
                          .is = Threshold::Is::at_least,
                          .bound = 2,
                          .format = "{:.2f}"}},
          .takes_data = true,
          .seconds = 22,
          .quick_seconds = 1,
          .run = run};
}

}  // namespace ztilde::lab
