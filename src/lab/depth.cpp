// How deep can a network be? Batch norm makes deep sigmoids learn, and makes gradients explode by a known
// factor.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.hpp"
#include "lab/course.hpp"
#include "lab/curves.hpp"
#include "lab/deep_gradients.hpp"
#include "lab/experiments.hpp"
#include "lab/mean_field.hpp"
#include "lab/statistics.hpp"

namespace ztilde::lab {
namespace {

constexpr std::array kActivations = {ActivationKind::relu, ActivationKind::tanh, ActivationKind::sigmoid};
constexpr std::size_t kBlocks = 20;
// Judged at these depths: chance is 10 %.
constexpr std::size_t kPlainFails = 10, kBatchNormTrains = 20;
constexpr double kFails = 20, kTrains = 50;

// ---- The gradient before training

struct Growths {
  std::vector<std::size_t> widths;
  std::size_t seeds = 0;
  // By [activation][width][seed]; the growth of a block, as a logarithm.
  std::array<std::vector<std::vector<double>>, 3> orthogonal, gaussian;
  std::array<std::vector<double>, 3> norms;  // of the widest, log, mean over the seeds
};

Growths measure_growths(Context& context) {
  Growths growths{
      context.quick ? std::vector<std::size_t>{128, 256} : std::vector<std::size_t>{256, 512, 1024},
      context.pick<std::size_t>(6, 3),
      {},
      {},
      {}};
  const std::size_t widths = growths.widths.size(), seeds = growths.seeds;
  std::vector<std::vector<double>> found(3 * 2 * widths * seeds);
  // The widest first, which take longest, so that no core is left with one at the end.
  context.parallel(0.25, found.size(), [&](Trial& trial) {
    const std::size_t width = widths - 1 - trial.index / (6 * seeds), within = trial.index % (6 * seeds);
    found[trial.index] = log_gradient_norms(
        kActivations[within / (2 * seeds)], growths.widths[width], kBlocks,
        within / seeds % 2 == 0 ? Weights::orthogonal : Weights::gaussian, context.seed + within % seeds);
  });
  for (std::size_t a = 0; a < kActivations.size(); ++a) {
    growths.orthogonal[a].resize(widths);
    growths.gaussian[a].resize(widths);
    growths.norms[a].assign(kBlocks, 0.0);
    for (std::size_t w = 0; w < widths; ++w) {
      for (std::size_t s = 0; s < seeds; ++s) {
        const std::size_t first = (widths - 1 - w) * 6 * seeds + a * 2 * seeds + s;
        growths.orthogonal[a][w].push_back(growth_of(found[first]));
        growths.gaussian[a][w].push_back(growth_of(found[first + seeds]));
        for (std::size_t block = 0; block < kBlocks && w + 1 == widths; ++block)
          growths.norms[a][block] += found[first][block] / static_cast<double>(seeds);
      }
    }
  }
  return growths;
}

Json growth_chart(const Growths& growths) {
  Json datasets = Json::array();
  std::string alt;
  for (std::size_t a = 0; a < kActivations.size(); ++a) {
    const double growth = std::log(gradient_growth(kActivations[a]));
    const std::string name(to_string(kActivations[a]));
    std::vector<double> blocks, measured, theory;
    // Relative to the last block but one, from which the slope is counted too.
    const double from = growths.norms[a][kBlocks - 2];
    for (std::size_t block = 1; block + 1 < kBlocks; ++block) {
      blocks.push_back(static_cast<double>(block + 1));
      measured.push_back(std::exp(growths.norms[a][block] - from));
      theory.push_back(std::exp(growth * static_cast<double>(kBlocks - 2 - block)));
    }
    Json expected = line(name + ", theory", "theory", blocks, theory);
    expected["type"] = "line";
    expected["pointRadius"] = 0;
    Json dots = line(name + ", measured", a, blocks, measured);
    dots["showLine"] = false;
    dots["pointRadius"] = 4;
    datasets.push_back(std::move(expected));
    datasets.push_back(std::move(dots));
    alt += fmt::format("{}{}: {:.3g} times from block {} down to block 2, by theory {:.3g}",
                       a == 0 ? "" : "; ", name, measured.front(), kBlocks - 1, theory.front());
  }
  return report::chart(
      "lines", {{"title", "How the gradient grows towards the first layer: dots measured, lines theory"},
                {"alt", alt},
                {"note", "Norm of the weights' gradient before training, relative to the upper end."},
                {"x", "block, from the input"},
                {"y", "gradient norm, relative"},
                {"y_type", "logarithmic"},
                {"datasets", std::move(datasets)}});
}

Json growth_table(const Growths& growths) {
  Json rows = Json::array();
  for (std::size_t a = 0; a < kActivations.size(); ++a) {
    const double growth = gradient_growth(kActivations[a]);
    const auto cell = [&](const std::vector<double>& logs) {
      return fmt::format("{:.4f} ± {:.4f}", mean(logs) / std::log(growth), interval(logs) / std::log(growth));
    };
    for (std::size_t w = 0; w < growths.widths.size(); ++w) {
      rows.push_back({std::string(to_string(kActivations[a])), fmt::format("{:.4f}", growth),
                      growths.widths[w], fmt::format("{:.4f}", std::exp(mean(growths.orthogonal[a][w]))),
                      cell(growths.orthogonal[a][w]), cell(growths.gaussian[a][w])});
    }
  }
  return report::table("The slope against theory, as layers get wider",
                       {"activation", "factor a block, theory", "width", "factor a block, measured",
                        "slope, measured over theory", "the same with Gaussian weights"},
                       rows);
}

// ---- Training

struct Tried {
  double rate = 0, scale = 0, valid = 0, test = 0;
  bool diverged = false;
};

struct Depths {
  std::vector<std::size_t> depths;
  std::vector<double> rates;
  std::size_t rows = 0, batch = 100, epochs = 0;
  // By [activation][batch norm][depth]: the best by validation, of all first weights and of the usual ones
  // alone.
  std::array<std::array<std::vector<Tried>, 2>, 3> best, usual;
  Json all = Json::array();
};

struct Setting {
  std::size_t activation;
  bool batch_norm;
  std::size_t depth;
  double rate, scale;
};

// Without batch norm a network gets the better of two starts: a sigmoid's slope is a quarter at most, which
// four times Xavier's weights make up for (Glorot & Bengio 2010).
std::vector<Setting> settings_of(const Depths& depths) {
  std::vector<Setting> settings;
  for (std::size_t d = depths.depths.size(); d-- > 0;) {
    for (std::size_t a = 0; a < kActivations.size(); ++a) {
      for (const bool batch_norm : {false, true}) {
        for (const double scale : {1.0, 4.0}) {
          if (scale > 1 && kActivations[a] != ActivationKind::sigmoid) continue;
          for (const double rate : depths.rates) settings.push_back({a, batch_norm, d, rate, scale});
        }
      }
    }
  }
  return settings;
}

Depths train_depths(Context& context) {
  Depths depths;
  depths.depths =
      context.quick ? std::vector<std::size_t>{2, 10, 20} : std::vector<std::size_t>{2, 5, 10, 20, 40, 80};
  depths.rates =
      context.quick ? std::vector<double>{0.01, 0.1} : std::vector<double>{0.003, 0.01, 0.03, 0.1, 0.3};
  depths.rows = context.pick<std::size_t>(20000, 5000);
  depths.epochs = context.pick<std::size_t>(3, 3);
  const Dataset train = first_rows(context.data.train, depths.rows);
  const Dataset population = first_rows(train, 5000), valid = first_rows(context.data.valid, 2500),
                test = first_rows(context.data.test, 2500);
  const std::vector<Setting> settings = settings_of(depths);
  std::vector<Tried> tried(settings.size());
  context.parallel(0.75, settings.size(), [&](Trial& trial) {
    const Setting& setting = settings[trial.index];
    Tried& result = tried[trial.index];
    TrainOptions options;
    options.hidden.assign(depths.depths[setting.depth], 64);
    options.activation = kActivations[setting.activation];
    options.batch_norm = setting.batch_norm;
    options.init = options.activation == ActivationKind::relu ? InitKind::he : InitKind::xavier;
    options.init_scale = setting.scale;
    options.optimizer = OptimizerKind::momentum;
    options.learning_rate = setting.rate;
    options.batch = depths.batch;
    options.seed = context.seed;
    const Measure measure{&population,
                          valid,
                          {depths.epochs * (depths.rows / depths.batch)},
                          [&](const Model& model) { result.test = 100 * score_of(model, test); },
                          [&](double done) { trial.tell(done); }};
    const Course course = run_course(train, options, measure);
    result.rate = setting.rate;
    result.scale = setting.scale;
    result.valid = 100 * course.scores.front();
    result.diverged = course.diverged;
  });
  for (auto* best : {&depths.best, &depths.usual}) {
    for (auto& arms : *best) {
      for (auto& arm : arms) arm.assign(depths.depths.size(), Tried{.valid = -1});
    }
  }
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const Setting& setting = settings[i];
    const auto keep_better = [&](auto& best) {
      Tried& kept = best[setting.activation][setting.batch_norm][setting.depth];
      if (tried[i].valid > kept.valid) kept = tried[i];
    };
    keep_better(depths.best);
    if (setting.scale == 1) keep_better(depths.usual);
    depths.all.push_back({{"activation", to_string(kActivations[setting.activation])},
                          {"batch_norm", setting.batch_norm},
                          {"depth", depths.depths[setting.depth]},
                          {"rate", setting.rate},
                          {"scale", setting.scale},
                          {"valid", tried[i].valid},
                          {"test", tried[i].test},
                          {"diverged", tried[i].diverged}});
  }
  return depths;
}

double accuracy_at(const Depths& depths, const std::vector<Tried>& arm, std::size_t depth) {
  return arm[static_cast<std::size_t>(std::ranges::find(depths.depths, depth) - depths.depths.begin())].test;
}

Json accuracy_chart(const Depths& depths, std::size_t a) {
  const std::vector<double> x(depths.depths.begin(), depths.depths.end());
  Json datasets = Json::array();
  std::string alt;
  const auto add = [&](const std::string& label, const Json& role, const std::vector<Tried>& arm) {
    std::vector<double> y;
    for (const Tried& each : arm) y.push_back(each.test);
    datasets.push_back(line(label, role, x, y));
    alt += fmt::format("{}{}: {:.1f} % at depth {}, {:.1f} % at depth {}", alt.empty() ? "" : "; ", label,
                       y.front(), depths.depths.front(), y.back(), depths.depths.back());
  };
  const bool sigmoid = kActivations[a] == ActivationKind::sigmoid;
  add("with batch norm", "with", depths.best[a][1]);
  add(sigmoid ? "without, the better of two starts" : "without", "without", depths.best[a][0]);
  if (sigmoid) add("without, Xavier's start", 3, depths.usual[a][0]);
  return report::chart("lines", {{"title", fmt::format("How deep {} can be", to_string(kActivations[a]))},
                                 {"alt", alt},
                                 {"x", "hidden layers"},
                                 {"x_type", "logarithmic"},
                                 {"y", "test accuracy, %"},
                                 {"y_min", 0},
                                 {"y_max", 100},
                                 {"datasets", std::move(datasets)}});
}

Findings run(Context& context) {
  const Growths growths = measure_growths(context);
  const Depths depths = train_depths(context);

  Findings findings;
  for (std::size_t a = 0; a < kActivations.size(); ++a)
    findings.values.push_back(mean(growths.orthogonal[a].back()) /
                              std::log(gradient_growth(kActivations[a])));
  const double plain = accuracy_at(depths, depths.best[2][0], kPlainFails);
  const double with = accuracy_at(depths, depths.best[2][1], kBatchNormTrains);
  findings.values.insert(findings.values.end(), {plain, with});
  findings.sentence = fmt::format(
      "Before training the gradient grows downwards by {:.4f} (relu), {:.4f} (tanh) and {:.4f} (sigmoid) a "
      "block. {} sigmoid layers learn to {:.1f} % with batch "
      "norm; {} without it to {:.1f} %, from Xavier's start to {:.1f} %.",
      std::exp(mean(growths.orthogonal[0].back())), std::exp(mean(growths.orthogonal[1].back())),
      std::exp(mean(growths.orthogonal[2].back())), kBatchNormTrains, with, kPlainFails, plain,
      accuracy_at(depths, depths.usual[2][0], kPlainFails));
  findings.blocks.push_back(growth_chart(growths));
  findings.blocks.push_back(growth_table(growths));
  for (const std::size_t a : {2, 1, 0}) findings.blocks.push_back(accuracy_chart(depths, a));
  findings.blocks.push_back(
      report::text("The same statistics that let a deep network learn make its gradients explode: relu's by "
                   "1.21 a block, some four million times over 80. Where the lines of relu and tanh "
                   "fall, that is why, and no learning rate cures it."));
  for (std::size_t a = 0; a < kActivations.size(); ++a) {
    findings.points["gradients"][std::string(to_string(kActivations[a]))] = {
        {"theory", gradient_growth(kActivations[a])},
        {"log_growth_orthogonal", growths.orthogonal[a]},
        {"log_growth_gaussian", growths.gaussian[a]},
        {"log_norms", growths.norms[a]}};
  }
  findings.points["widths"] = growths.widths;
  findings.points["trained"] = depths.all;
  findings.ran = fmt::format(
      "Gradients: {} blocks of dense, batch norm, activation, {} units wide (judged by the widest), random "
      "orthogonal weights, a batch of twice as many rows of standard normal "
      "numbers, an error at the output that is noise; the slope of the log norm of the weights' gradient "
      "over all blocks but the first and the last, {} seeds. Theory is for "
      "infinitely wide layers; of what is finite, orthogonal weights leave the least, Gaussian ones are in "
      "the table. Training: layers of 64 on {} rows, {} passes in "
      "batches of {}, gradient descent with momentum 0.9; for each depth the best of the rates {} by {} "
      "validation rows, for sigmoid also of Xavier's weights and four times them, both with and "
      "without batch norm; relu starts from He's, tanh from Xavier's. One seed. A network is said to fail "
      "below {} % and to train above {} % (chance: 10 %).",
      kBlocks, fmt::join(growths.widths, ", "), growths.seeds, with_commas(depths.rows), depths.epochs,
      depths.batch, fmt::join(depths.rates, ", "), "2,500", kFails, kTrains);
  findings.why_not = fmt::format(
      "A network without batch norm is given the better of two starts here. From Xavier's alone {} sigmoid "
      "layers do not learn, as claimed; from four times that they do, and "
      "the wall moves to the next depth or so. Slopes miss theory where layers are narrow: with orthogonal "
      "weights the table shows them coming nearer.",
      kPlainFails);
  return findings;
}

Threshold slope_threshold(const char* name) {
  return {.label = fmt::format("{}: slope of the log gradient, measured over theory", name),
          .is = Threshold::Is::within,
          .bound = 1,
          .reach = 0.03,
          .format = "{:.3f}"};
}

}  // namespace

Experiment depth() {
  return {.name = "depth",
          .title = "How deep",
          .claim =
              "With batch norm very deep networks learn; before training their gradients grow downwards by a "
              "factor "
              "that theory gives.",
          .source = "The lecture; Yang et al. 2019, arXiv:1902.08129; Glorot & Bengio 2010",
          .about =
              "First the gradient of each layer in networks that nobody has trained, against √(E[g'(z)²] / "
              "Var g(z)) with z standard normal. "
              "Then networks of 2 to 80 layers are trained, with batch norm and without.",
          .thresholds = {slope_threshold("relu"),
                         slope_threshold("tanh"),
                         slope_threshold("sigmoid"),
                         {.label = fmt::format("{} sigmoid layers without batch norm fail", kPlainFails),
                          .is = Threshold::Is::below,
                          .bound = kFails,
                          .format = "{:.1f} %"},
                         {.label = fmt::format("{} sigmoid layers with batch norm train", kBatchNormTrains),
                          .is = Threshold::Is::above,
                          .bound = kTrains,
                          .format = "{:.1f} %"}},
          .seconds = 185,
          .quick_seconds = 5,
          .run = run};
}

}  // namespace ztilde::lab
