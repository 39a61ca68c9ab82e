#include "lab/course.hpp"

#include <algorithm>
#include <chrono>

#include "lab/learning.hpp"
#include "ztilde/error.hpp"

namespace ztilde::lab {

double score_of(const Model& model, const Dataset& data) {
  return score_of(evaluate(model, data, 1), data.task);
}

Course run_course(const Dataset& train, TrainOptions options, const Measure& measure) {
  using Clock = std::chrono::steady_clock;
  options.threads = 1;
  options.schedule = ScheduleKind::constant;
  options.valid_fraction = 0;
  Course course;
  try {
    TrainSession session(train, options);
    double seconds = 0;
    for (const std::uint64_t mark : measure.marks) {
      const auto start = Clock::now();
      while (session.steps() < mark) session.step();
      seconds += std::chrono::duration<double>(Clock::now() - start).count();
      const Model model = with_population_statistics(session.model(), measure.population, 1);
      course.scores.push_back(score_of(model, measure.judged));
      course.seconds.push_back(seconds);
      if (measure.look) measure.look(model);
      if (measure.tell) measure.tell(static_cast<double>(mark) / static_cast<double>(measure.marks.back()));
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::diverged) throw;
    course.diverged = true;
    course.seconds.resize(measure.marks.size(), course.seconds.empty() ? 0.0 : course.seconds.back());
    course.scores.resize(measure.marks.size(), 0.0);
  }
  return course;
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
