#include "cli/training_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "cli/streams.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {

TrainingLog::~TrainingLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void TrainingLog::open(const std::string& path) {
  path_ = path;
  open_with(O_CREAT | O_TRUNC);
}

void TrainingLog::continue_after(const std::string& path, std::uint64_t steps) {
  path_ = path;
  const std::string old = read_file(path);
  std::size_t kept = 0;
  while (kept < old.size()) {
    const std::size_t end = old.find('\n', kept);
    if (end == old.npos) break;  // the line that a killed run was writing
    const auto line = nlohmann::json::parse(old.begin() + kept, old.begin() + end, nullptr, false);
    if (!line.is_object() || line.value("step", steps + 1) > steps) break;
    kept = end + 1;
    ++lines_;
  }
  if (kept < old.size()) write_file_atomically(path, std::string_view(old).substr(0, kept));
  open_with(0);
}

void TrainingLog::open_with(int flags) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666);
  if (descriptor_ >= 0) return;
  throw Error(ErrorKind::io, fmt::format("{}: cannot be written ({}); choose another name", shown_path(path_),
                                         std::strerror(errno)));
}

void TrainingLog::write(const HistoryPoint& point) {
  if (descriptor_ < 0 || !problem_.empty()) return;
  nlohmann::ordered_json line = {
      {"step", point.step}, {"epoch", point.epoch}, {"train_loss", point.train_loss}};
  if (point.valid_loss) line["valid_loss"] = *point.valid_loss;
  if (point.valid_accuracy) line["valid_accuracy"] = *point.valid_accuracy;
  if (point.valid_rmse) line["valid_rmse"] = *point.valid_rmse;
  line["lr"] = point.learning_rate;
  line["seconds"] = point.seconds;
  line["rows_per_second"] = point.rows_per_second;
  const int failure = write_fully(descriptor_, line.dump() + "\n");
  if (failure == 0) {
    ++lines_;
  } else {
    problem_ = fmt::format("{}: cannot be written ({})", shown_path(path_), std::strerror(failure));
  }
}

}  // namespace ztilde::cli
