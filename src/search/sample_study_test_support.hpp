// A study without its trainings: what trials would come to is computed, so that it is the same everywhere.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "search/good_region.hpp"
#include "search/space.hpp"
#include "search/space_axes.hpp"

namespace ztilde::search {

struct SampleOptions {
  std::size_t trials = 60;
  Task task = Task::classify;
  bool searches_norm = true;
  bool stops_early = true;
  bool of_numbers_only = false;  // no accuracy and no rmse
};

inline StudyPlan sample_plan(const SampleOptions& options) {
  StudyPlan plan;
  plan.version = "0.1.0";
  plan.fixed = {{"--data", "/data/adult.csv"}, {"--target", "income"}, {"--optimizer", "adamw"}};
  const auto add = [&](const char* option, const char* text) {
    plan.dimensions.push_back(*dimension_of(option, text));
  };
  add("--lr", "1e-4..1:log");
  add("--batch", "64,256,1024");
  add("--weight-decay", "1e-4..1e-1:log");
  add("--hidden", "32..512x1..6");
  add("--dropout", "0..0.5");
  plan.first = {{"--lr", "0.002"},
                {"--batch", "256"},
                {"--weight-decay", "0.01"},
                {"--hidden", "128,128"},
                {"--dropout", "0"}};
  if (options.searches_norm) {
    add("--norm", "batch,none");
    plan.first.emplace_back("--norm", "batch");
  }
  plan.data_words = "adult.csv: 32,561 rows, 14 columns, 2 classes";
  plan.data_fingerprint = "0123456789abcdef";
  plan.task = options.task;
  plan.seed = 7;
  plan.epochs = 27;
  if (options.stops_early) plan.rungs = {3, 9};
  return plan;
}

// How far a trial's options are from what would be best for it; infinite: it diverges.
inline double sample_misfit(const StudyPlan& plan, const Trial& trial) {
  double misfit = 0;
  const bool normalised = text_of(trial, "--norm") != "none";
  double depth = 1;
  for (const SpaceAxis& axis : axes_of(plan)) {
    const double place = place_on(axis, trial).value_or(0);
    if (axis.part == AxisPart::depth) depth = place;
    if (axis.part == AxisPart::width) misfit += 0.03 * std::abs(std::log2(place / 200));
    if (axis.option == "--weight-decay") misfit += 0.01 * std::abs(std::log10(place / 0.005));
    if (axis.option == "--dropout") misfit += 0.15 * std::abs(place - 0.12);
  }
  // Deep networks without normalisation want small steps.
  const double rate = std::strtod(text_of(trial, "--lr").c_str(), nullptr);
  const double best = normalised ? 0.01 : 0.003 / depth, off = std::log10(rate / best);
  if (!normalised && off > 1.4) return INFINITY;
  misfit += (normalised ? 0.09 : 0.3) * off * off;
  return misfit + (normalised ? 0 : 0.015 * depth);
}

inline TrialPoint sample_point(const SampleOptions& options, const Trial& trial, double misfit,
                               std::size_t epoch) {
  const RandomStream noise(trial.seed, Purpose::probe, 0, epoch);
  const double still = 0.5 / static_cast<double>(epoch);
  const double loss = 0.29 + std::min(0.5 * misfit, 0.38) + 0.2 * still + 0.006 * noise.uniform(0);
  TrialPoint point;
  point.epoch = epoch;
  point.train_loss = 0.97 * loss;
  point.valid_loss = loss;
  point.seconds = static_cast<double>(epoch) * (1 + noise.uniform(1));
  if (options.of_numbers_only) return point;
  if (options.task == Task::classify) {
    point.valid_accuracy = 0.99 - 0.42 * loss;
  } else {
    point.valid_rmse = std::sqrt(loss);
  }
  return point;
}

// Among the best third of those that came to the rung before it.
inline bool sample_goes_on(const StudyContents& study, const Trial& trial, std::size_t rung) {
  std::size_t better = 0, all = 1;
  for (const Trial& other : study.trials) {
    if (other.curve.size() < rung) continue;
    ++all;
    better += other.curve[rung - 1].valid_loss < trial.curve[rung - 1].valid_loss ? 1 : 0;
  }
  return better * study.plan.reduction < all;
}

inline Trial sample_trial(const SampleOptions& options, const StudyContents& study, std::size_t number) {
  Trial trial;
  trial.number = number;
  trial.options = options_of(study.plan, number);
  trial.seed = training_seed(study.plan, number);
  trial.worker = "desk:4711";
  trial.state = TrialState::finished;
  const double misfit = sample_misfit(study.plan, trial);
  if (std::isinf(misfit)) {
    trial.state = TrialState::diverged;
    trial.message = "training diverged: the loss is no number at step 12";
    return trial;
  }
  for (std::size_t epoch = 1; epoch <= study.plan.epochs; ++epoch) {
    trial.curve.push_back(sample_point(options, trial, misfit, epoch));
    const bool rung = std::ranges::find(study.plan.rungs, epoch) != study.plan.rungs.end();
    if (!rung || number == 0 || sample_goes_on(study, trial, epoch)) continue;
    trial.state = TrialState::paused;
    break;
  }
  return trial;
}

inline StudyContents sample_study(const SampleOptions& options = {}) {
  StudyContents study;
  study.plan = sample_plan(options);
  study.trials_asked = options.trials;
  study.began = 1.7e9;
  double now = study.began;
  for (std::size_t t = 0; t < options.trials; ++t) {
    Trial trial = sample_trial(options, study, t);
    trial.began = now;
    now += trial.curve.empty() ? 2 : trial.curve.back().seconds;
    trial.ended = now;
    study.trials.push_back(std::move(trial));
  }
  return study;
}

}  // namespace ztilde::search
