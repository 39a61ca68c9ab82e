#include "cli/training_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

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

std::vector<std::string> TrainingLog::continue_after(const std::string& path, std::uint64_t steps) {
  path_ = path;
  const std::string old = read_file(path);
  std::vector<std::string> kept;
  std::size_t size = 0;
  while (size < old.size()) {
    const std::size_t end = old.find('\n', size);
    if (end == old.npos) break;  // the line that a killed run was writing
    const auto line = nlohmann::json::parse(old.begin() + size, old.begin() + end, nullptr, false);
    if (!line.is_object() || line.value("step", steps + 1) > steps) break;
    if (line.contains("result") || line.contains("diverged")) break;
    kept.push_back(old.substr(size, end - size));
    size = end + 1;
  }
  if (size < old.size()) write_file_atomically(path, std::string_view(old).substr(0, size));
  open_with(0);
  lines_ = kept.size();
  return kept;
}

void TrainingLog::open_with(int flags) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666);
  if (descriptor_ >= 0) return;
  throw Error(ErrorKind::io, fmt::format("{}: cannot be written ({}); choose another name", shown_path(path_),
                                         std::strerror(errno)));
}

void TrainingLog::write(const std::string& line) {
  if (descriptor_ < 0 || !problem_.empty()) return;
  const int failure = write_fully(descriptor_, line + "\n");
  if (failure == 0) {
    ++lines_;
  } else {
    problem_ = fmt::format("{}: cannot be written ({})", shown_path(path_), std::strerror(failure));
  }
}

}  // namespace ztilde::cli
