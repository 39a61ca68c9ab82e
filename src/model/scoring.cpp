#include "model/scoring.hpp"

#include <algorithm>
#include <cmath>

#include "model/metrics.hpp"
#include "model/row_scores.hpp"

namespace ztilde {
namespace {

std::size_t source_row(const Batch& batch, std::size_t row) {
  return batch.row_index ? batch.row_index[row] : row;
}

// Σ over rows of a block, each by its weight.
struct BlockSums {
  kernels::LossSums loss;
  double right = 0;  // of classifications with weights; elsewhere loss.correct counts
  double absolute = 0, squared = 0;
};

// What is kept of every row of a classification: its answer, and its scores for the curves, one number
// for 2 classes, else one a class. Either may be null.
struct Kept {
  std::uint32_t* answers = nullptr;
  float* curve_scores = nullptr;
};

void keep_scores(kernels::View out, float* scores, std::size_t classes) {
  if (classes > 2) {
    copy_rows(out, {scores, out.rows, classes});
    kernels::probabilities({scores, out.rows, classes});
    return;
  }
  // The logit, or the difference of two: unlike probabilities near 1 it has no false ties.
  for (std::size_t r = 0; r < out.rows; ++r) {
    scores[r] = out.channels == 1 ? out(r, 0) : out(r, 1) - out(r, 0);
  }
}

Scores score_keeping(const RunOutputs& outputs, const Batch& batch, const Objective& objective,
                     const Kept& kept, std::size_t classes) {
  std::vector<BlockSums> by_block(outputs.blocks.parts);
  const auto target = [&](std::size_t row) {
    return static_cast<double>(batch.targets[source_row(batch, row)]);
  };
  const auto weight = [&](std::size_t row) {
    return batch.weights ? double{batch.weights[source_row(batch, row)]} : 1.0;
  };
  const bool regress = objective.kind == LossKind::squared_error;
  outputs.run([&](const Worker&, std::size_t block, std::size_t first, kernels::View out) {
    BlockSums& sums = by_block[block];
    sums.loss = evaluate(objective, batch, first, 1, out, {});
    for (std::size_t r = 0; regress && r < out.rows; ++r) {
      const double error = out(r, 0) * objective.target_std + objective.target_mean - target(first + r);
      sums.absolute += weight(first + r) * std::abs(error);
      sums.squared += weight(first + r) * (error * error);
    }
    if (regress) return;
    for (std::size_t r = 0; r < out.rows && (batch.weights || kept.answers); ++r) {
      const auto answer = static_cast<std::uint32_t>(answer_of(out.row(r), out.channels));
      if (answer == target(first + r)) sums.right += weight(first + r);
      if (kept.answers) kept.answers[first + r] = answer;
    }
    if (kept.curve_scores) {
      keep_scores(out, kept.curve_scores + first * (classes > 2 ? classes : 1), classes);
    }
  });

  BlockSums total;
  for (const BlockSums& block : by_block) {
    total.loss.loss += block.loss.loss;
    total.loss.correct += block.loss.correct;
    total.right += block.right;
    total.absolute += block.absolute;
    total.squared += block.squared;
  }
  Scores scores;
  scores.rows = batch.rows;
  if (!regress) {
    scores.loss = total.loss.loss / loss_weight(objective, batch);
    scores.accuracy = batch.weights
                          ? total.right / loss_weight({}, batch)
                          : static_cast<double>(total.loss.correct) / static_cast<double>(batch.rows);
    return scores;
  }
  const double weights = loss_weight({}, batch);
  double mean = 0, spread = 0;
  for (std::size_t r = 0; r < batch.rows; ++r) mean += weight(r) * target(r) / weights;
  for (std::size_t r = 0; r < batch.rows; ++r) {
    spread += weight(r) * ((target(r) - mean) * (target(r) - mean));
  }
  scores.loss = total.squared / weights;
  scores.rmse = std::sqrt(scores.loss);
  scores.mae = total.absolute / weights;
  if (spread > 0) scores.r2 = 1 - total.squared / spread;
  return scores;
}

// Of 2 classes the curve of the second; of more the mean of each class against the others.
std::optional<double> mean_area(const Batch& batch, const std::vector<float>& scores, std::size_t classes,
                                Team& team) {
  const std::size_t curves = classes == 2 ? 1 : classes;
  std::vector<std::optional<double>> areas(curves);
  std::vector<std::vector<metrics::RankedRow>> rows(std::min(team.threads(), curves));
  for (auto& of_worker : rows) of_worker.resize(batch.rows);
  team.run([&](const Worker& worker) {
    worker.share(curves, [&](std::size_t curve) {
      const auto positive = static_cast<float>(classes == 2 ? 1 : curve);
      std::vector<metrics::RankedRow>& ranked = rows[worker.index];
      for (std::size_t r = 0; r < batch.rows; ++r) {
        const std::size_t row = source_row(batch, r);
        ranked[r] = {scores[r * curves + curve], batch.targets[row] == positive,
                     batch.weights ? double{batch.weights[row]} : 1.0};
      }
      areas[curve] = metrics::area_under_curve(ranked);
    });
  });
  double sum = 0, count = 0;
  for (const std::optional<double>& area : areas) {
    sum += area.value_or(0);
    count += area ? 1 : 0;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

}  // namespace

namespace {

RunOutputs outputs_of(InferencePlan& plan, Team& team, const Batch& batch) {
  return {plan.blocks(batch.rows),
          [&](const InferencePlan::Consume& consume) { plan.run(team, batch, consume); }};
}

}  // namespace

Scores score(InferencePlan& plan, Team& team, const Batch& batch, const Objective& objective) {
  return score_keeping(outputs_of(plan, team, batch), batch, objective, {}, 0);
}

Scores score_fully(InferencePlan& plan, Team& team, const Batch& batch, Objective objective,
                   std::size_t classes) {
  return score_fully(outputs_of(plan, team, batch), team, batch, std::move(objective), classes);
}

Scores score_fully(const RunOutputs& run, Team& team, const Batch& batch, Objective objective,
                   std::size_t classes) {
  objective.class_weights.clear();
  if (objective.kind == LossKind::squared_error) return score_keeping(run, batch, objective, {}, 0);

  std::vector<std::uint32_t> truths(batch.rows), answers(batch.rows);
  std::vector<float> weights(batch.weights ? batch.rows : 0), curve_scores;
  if (classes <= kMostRankedClasses) curve_scores.resize(batch.rows * (classes == 2 ? 1 : classes));
  Scores scores = score_keeping(
      run, batch, objective, {answers.data(), curve_scores.empty() ? nullptr : curve_scores.data()}, classes);
  for (std::size_t r = 0; r < batch.rows; ++r) {
    truths[r] = static_cast<std::uint32_t>(batch.targets[source_row(batch, r)]);
    if (batch.weights) weights[r] = batch.weights[source_row(batch, r)];
  }
  scores.by_class = metrics::by_class({truths, answers, weights, classes});
  scores.balanced_accuracy = metrics::balanced_accuracy(scores.by_class);
  // NaN has no rank, and makes the loss NaN.
  if (!curve_scores.empty() && std::isfinite(scores.loss)) {
    scores.auc = mean_area(batch, curve_scores, classes, team);
  }
  if (classes <= kMostConfusedClasses) scores.confusion.resize(classes * classes);
  for (std::size_t r = 0; r < batch.rows && !scores.confusion.empty(); ++r) {
    ++scores.confusion[truths[r] * classes + answers[r]];
  }
  return scores;
}

Scores score_fully(const Model& model, const Batch& batch, const Objective& objective, Team& team,
                   Exchange* ranks) {
  InferencePlan plan(model.network, batch.rows, team.threads(), model.parameters.data(),
                     model.statistics.data(), ranks);
  return score_fully(plan, team, batch, objective, model.classes.size());
}

std::vector<Metric> metrics_of(Task task, const Scores& scores) {
  std::vector<Metric> metrics;
  const auto add = [&](const char* name, std::optional<double> value) {
    if (value) metrics.push_back({name, *value});
  };
  if (task == Task::regress) {
    add("rmse", scores.rmse);
    add("mae", scores.mae);
    add("r2", scores.r2);
    return metrics;
  }
  add("accuracy", scores.accuracy);
  add("balanced_accuracy", scores.balanced_accuracy);
  add("auc", scores.auc);
  add("log_loss", scores.loss);
  return metrics;
}

}  // namespace ztilde
