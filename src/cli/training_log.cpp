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
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ >= 0) return;
  throw Error(ErrorKind::io, fmt::format("{}: cannot be written ({}); choose another name", shown_path(path),
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
