// Measures and verdicts of figure1, map, speed, depth, noisy and twins on made-up results.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "lab/context.hpp"
#include "lab/course.hpp"
#include "lab/experiments.hpp"
#include "lab/judge.hpp"
#include "lab/map.hpp"
#include "lab/speed.hpp"

namespace ztilde::lab {
namespace {

Verdict verdict_of(const Experiment& experiment, const std::vector<double>& values) {
  EXPECT_EQ(values.size(), experiment.thresholds.size());
  return judge(experiment.thresholds, values).verdict;
}

TEST(Verdicts, turn_at_the_thresholds_of_the_list) {
  constexpr auto kYes = Verdict::reproduced, kNo = Verdict::not_reproduced;
  EXPECT_EQ(verdict_of(figure1(), {100, 2}), kYes);
  EXPECT_EQ(verdict_of(figure1(), {95, 2}), kNo);
  EXPECT_EQ(verdict_of(figure1(), {100, 1.99}), kNo);

  EXPECT_EQ(verdict_of(map(), {2}), kYes);
  EXPECT_EQ(verdict_of(map(), {1.99}), kNo);

  EXPECT_EQ(verdict_of(speed(), {6, 3}), kYes);
  EXPECT_EQ(verdict_of(speed(), {6, 14}), Verdict::beyond);
  EXPECT_EQ(verdict_of(speed(), {5, 14}), kNo);
  EXPECT_EQ(verdict_of(speed(), {6, 2.9}), kNo);

  EXPECT_EQ(verdict_of(depth(), {1.029, 0.971, 1, 19.9, 50.1}), kYes);
  EXPECT_EQ(verdict_of(depth(), {1.031, 1, 1, 10, 80}), kNo);
  EXPECT_EQ(verdict_of(depth(), {1, 0.969, 1, 10, 80}), kNo);
  EXPECT_EQ(verdict_of(depth(), {1, 1, 1.031, 10, 80}), kNo);
  EXPECT_EQ(verdict_of(depth(), {1, 1, 1, 20, 80}), kNo);
  EXPECT_EQ(verdict_of(depth(), {1, 1, 1, 10, 50}), kNo);

  EXPECT_EQ(verdict_of(noisy(), {1.01, 0.01}), kYes);
  EXPECT_EQ(verdict_of(noisy(), {1, 5}), kNo);
  EXPECT_EQ(verdict_of(noisy(), {5, 0}), kNo);

  EXPECT_EQ(verdict_of(twins(), {0.9e-10, 0.9e-10}), kYes);
  EXPECT_EQ(verdict_of(twins(), {1.1e-10, 0}), kNo);
  EXPECT_EQ(verdict_of(twins(), {0, 1.1e-10}), kNo);
}

TEST(Map, counts_cells_near_the_best_of_both_maps) {
  const std::vector<Cell> without = {{0.80, false}, {0.77, false}, {0.95, true}};
  const std::vector<Cell> with = {{0.81, false}, {0.79, false}, {0.7899, false}};
  const Areas areas = areas_of(without, with, 2);
  EXPECT_DOUBLE_EQ(areas.best, 0.81) << "what diverged in one of its seeds is no measure";
  EXPECT_EQ(areas.without, 1u);
  EXPECT_EQ(areas.with, 2u) << "two points away still counts, more does not";
}

TEST(Speed, the_first_mark_at_the_target_counts) {
  const std::vector<std::uint64_t> marks = {10, 20, 30};
  const std::vector<double> scores = {1, 5, 4};
  EXPECT_EQ(first_at(marks, scores, 5), 20);
  EXPECT_EQ(first_at(marks, scores, 4), 20);
  EXPECT_EQ(first_at(marks, scores, 6), std::numeric_limits<double>::infinity());
}

std::ptrdiff_t relations(const std::array<double, kArms>& steps, const std::array<double, kArms>& best) {
  return std::ranges::count_if(published_order(steps, best), &Relation::holds);
}

TEST(Speed, the_papers_own_numbers_are_in_the_published_order) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  const std::array<double, kArms> published = {31.0, kNever, kNever, 13.3, 2.1, 2.7, kNever};
  const std::array<double, kArms> best = {72.2, 0.1, 0.1, 72.7, 73.0, 74.8, 69.8};
  EXPECT_EQ(relations(published, best), 6);
  for (const RaceArm arm : {RaceArm::base_x5, RaceArm::base_sigmoid}) {
    std::array<double, kArms> steps = published;
    steps[static_cast<std::size_t>(arm)] = 20;
    EXPECT_EQ(relations(steps, best), 5);
  }
  std::array<double, kArms> steps = published;
  std::swap(steps[static_cast<std::size_t>(RaceArm::bn_x5)],
            steps[static_cast<std::size_t>(RaceArm::bn_x30)]);
  EXPECT_EQ(relations(steps, best), 5);
  steps.fill(kNever);
  EXPECT_EQ(relations(steps, best), 3) << "who never gets there is before nobody";
}

Dataset halves(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = 1;
  data.classes = {"low", "high"};
  for (std::size_t row = 0; row < rows; ++row) {
    data.floats.push_back(static_cast<float>(row * 7 % rows));
    data.targets.push_back(row * 7 % rows < rows / 2 ? 0.0f : 1.0f);
  }
  return data;
}

TEST(Course, looks_at_every_mark_and_tells_every_few_steps) {
  const Dataset data = halves(200);
  TrainOptions options;
  options.hidden = {8};
  options.optimizer = OptimizerKind::sgd;
  options.learning_rate = 0.3;
  options.batch = 20;
  std::size_t looks = 0;
  std::vector<double> told;
  const Course course = run_course(data, options,
                                   {&data,
                                    data,
                                    {0, 50, 200},
                                    [&](const Model&) { ++looks; },
                                    [&](double done) { told.push_back(done); }});
  EXPECT_EQ(looks, 3u);
  std::vector<double> expected;
  for (double step = 16; step < 200; step += 16) {
    expected.push_back(step / 200);
    if (step == 48) expected.push_back(0.25);  // the second mark
  }
  expected.push_back(1);
  EXPECT_EQ(told, expected);
  EXPECT_GT(course.scores[2], 0.95);
  EXPECT_FALSE(course.diverged);
}

TEST(Course, what_diverges_scores_0_from_there_on) {
  const Dataset data = halves(200);
  TrainOptions options;
  options.hidden = {8, 8, 8};
  options.batch_norm = false;
  options.optimizer = OptimizerKind::sgd;
  options.init_scale = 1e3;
  options.learning_rate = 1e30;
  options.batch = 20;
  const Course course = run_course(data, options, {nullptr, data, {0, 50}});
  EXPECT_TRUE(course.diverged);
  EXPECT_GT(course.scores[0], 0);
  EXPECT_EQ(course.scores[1], 0);
  EXPECT_EQ(course.seconds.size(), 2u);
}

TEST(Course, ends_within_a_few_steps_of_being_told_to) {
  const Dataset data = halves(200);
  TrainOptions options;
  options.hidden = {8};
  options.learning_rate = 0.01;
  options.batch = 20;
  TrainSession session(data, options);
  const auto tell = [&](double) {
    if (session.steps() >= 100) throw Stopped{};
  };
  const auto look = [](std::size_t, double) { ADD_FAILURE() << "it went on"; };
  EXPECT_THROW(walk(session, {{1'000'000}, [&] { session.step(); }, look, tell}), Stopped);
  EXPECT_GE(session.steps(), 100u);
  EXPECT_LT(session.steps(), 100 + kStepsBetweenTells);
}

TEST(Course, marks_are_even_end_at_the_last_and_unite) {
  EXPECT_EQ(even_marks(10, 25), (std::vector<std::uint64_t>{0, 10, 20, 25}));
  EXPECT_EQ(even_marks(10, 20), (std::vector<std::uint64_t>{0, 10, 20}));
  EXPECT_EQ(united({0, 10}, {5, 10}), (std::vector<std::uint64_t>{0, 5, 10}));
  EXPECT_EQ(best_of(std::vector<double>{1, 3, 3}), 1u);
}

}  // namespace
}  // namespace ztilde::lab
