#include "lab/course.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "ztilde/error.hpp"

namespace ztilde::lab {

Walked walk(TrainSession& session, const Walk& plan) {
  using Clock = std::chrono::steady_clock;
  Walked walked;
  try {
    for (std::size_t mark = 0; mark < plan.marks.size(); ++mark) {
      while (session.steps() < plan.marks[mark]) {
        const std::uint64_t next = (session.steps() / kStepsBetweenTells + 1) * kStepsBetweenTells;
        const std::uint64_t stop = std::min(plan.marks[mark], next);
        const auto start = Clock::now();
        while (session.steps() < stop) plan.step();
        walked.seconds += std::chrono::duration<double>(Clock::now() - start).count();
        if (plan.tell) plan.tell(static_cast<double>(stop) / static_cast<double>(plan.marks.back()));
      }
      plan.look(mark, walked.seconds);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::diverged) throw;
    walked.diverged = true;
  }
  return walked;
}

Course run_course(const Dataset& train, TrainOptions options, const Measure& measure) {
  options.threads = 1;
  options.schedule = ScheduleKind::constant;
  options.valid_fraction = 0;
  TrainSession session(train, options);
  Course course;
  const auto look = [&](std::size_t, double seconds) {
    const Model model = measure.population
                            ? with_population_statistics(session.model(), *measure.population, 1)
                            : session.model_with_population_statistics();
    course.scores.push_back(score_of(model, measure.judged));
    course.seconds.push_back(seconds);
    if (measure.look) measure.look(model);
  };
  const Walked walked = walk(session, {measure.marks, [&] { session.step(); }, look, measure.tell});
  course.diverged = walked.diverged;
  course.scores.resize(measure.marks.size(), 0.0);
  course.seconds.resize(measure.marks.size(), walked.seconds);
  return course;
}

double score_of(const Scores& scores, Task task) {
  return task == Task::classify ? scores.accuracy : std::max(0.0, scores.r2.value_or(0));
}

double score_of(const Model& model, const Dataset& data) {
  return score_of(evaluate(model, data, 1), data.task);
}

std::string score_name(Task task) { return task == Task::classify ? "accuracy" : "R²"; }

std::string score_words(double score, Task task) {
  return task == Task::classify ? fmt::format("{:.2f} %", 100 * score) : fmt::format("{:.4f}", score);
}

std::vector<std::uint64_t> even_marks(std::uint64_t step, std::uint64_t last) {
  std::vector<std::uint64_t> marks;
  for (std::uint64_t mark = 0; mark < last; mark += step) marks.push_back(mark);
  marks.push_back(last);
  return marks;
}

std::vector<std::uint64_t> united(std::vector<std::uint64_t> a, const std::vector<std::uint64_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::ranges::sort(a);
  a.erase(std::unique(a.begin(), a.end()), a.end());
  return a;
}

std::size_t best_of(std::span<const double> scores) {
  return static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin());
}

std::vector<double> column(std::span<const std::vector<double>> rows, std::size_t i) {
  std::vector<double> values;
  for (const auto& row : rows) values.push_back(row[i]);
  return values;
}

}  // namespace ztilde::lab
