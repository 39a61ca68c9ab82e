// The log of a training: one JSON object a line, each written at once, so that it can be followed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ztilde::cli {

class TrainingLog {
 public:
  TrainingLog() = default;
  TrainingLog(const TrainingLog&) = delete;
  TrainingLog& operator=(const TrainingLog&) = delete;
  ~TrainingLog();

  // Empties the file, or makes it. Throws Error(io).
  void open(const std::string& path);
  // Goes on after the lines of the first `steps` steps, which it returns; later ones, of steps that will
  // be done again, go, and so does what was said at the end of the run.
  std::vector<std::string> continue_after(const std::string& path, std::uint64_t steps);
  // Writes the line and its end. Does nothing while no log is open. Never throws: training goes on
  // between two lines.
  void write(const std::string& line);

  std::size_t lines() const { return lines_; }
  // What went wrong with a line, "" for nothing.
  const std::string& problem() const { return problem_; }

 private:
  void open_with(int flags);

  std::string path_, problem_;
  int descriptor_ = -1;
  std::size_t lines_ = 0;
};

}  // namespace ztilde::cli
