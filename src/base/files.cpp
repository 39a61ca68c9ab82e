#include "base/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <deque>
#include <filesystem>
#include <optional>

#include "base/byte_stream.hpp"
#include "base/held_back_signals.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 18;
constexpr std::size_t kLongestPath = 4096;
constexpr int kMostLinks = 40;
constexpr int kMostTemporaries = 1000;

[[noreturn]] void fail(const std::string& path, const std::string& what, ErrorKind kind = ErrorKind::io) {
  throw Error(kind, fmt::format("{}: {}", shown_path(path), what));
}

std::string reason(int number) { return std::strerror(number); }

// An open file descriptor, closed at the end of its scope.
struct Descriptor {
  int number = -1;
  explicit Descriptor(int number_) : number(number_) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number > STDERR_FILENO) ::close(number);
  }
};

std::optional<struct stat> status_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

[[noreturn]] void fail_writing(const std::string& path, int number) {
  fail(path, fmt::format("cannot be written ({}); nothing was changed", reason(number)));
}

// 0, or what went wrong.
int write_all(int descriptor, std::span<const std::string_view> parts) {
  for (std::string_view part : parts) {
    while (!part.empty()) {
      const ssize_t count = ::write(descriptor, part.data(), part.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno;
      part.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  return 0;
}

// 0, or what went wrong. Pipes and some file systems have nothing to sync.
int sync(int descriptor) {
  while (::fsync(descriptor) != 0) {
    if (errno == EINVAL || errno == ENOTSUP || errno == EROFS) return 0;
    if (errno != EINTR) return errno;
  }
  return 0;
}

void write_through(const std::string& path, std::span<const std::string_view> parts) {
  const Descriptor device(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const int problem = device.number < 0 ? errno : write_all(device.number, parts);
  if (problem != 0)
    fail(path, fmt::format("cannot be written ({}); write to a file instead", reason(problem)));
}

// A new file in `folder` that nobody else has; its path goes to `temporary`. The lock, which ends with
// its holder, tells others that the file is in use; where locks are unknown it is told by its name alone.
int open_temporary(const std::string& folder, std::string& temporary) {
  static std::atomic<unsigned> serial{0};
  for (int i = 0; i < kMostTemporaries; ++i) {
    temporary = fmt::format("{}/{}{}-{}{}", folder, kTemporaryStart, ::getpid(), serial++, kTemporaryEnd);
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) ::flock(descriptor, LOCK_EX | LOCK_NB);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

// 0, or what went wrong.
int fill_temporary(int descriptor, std::span<const std::string_view> parts,
                   const std::optional<struct stat>& old) {
  if (old) {
    // Only root may give files away: anyone else's new file stays their own.
    if (::fchown(descriptor, old->st_uid, old->st_gid) != 0 && errno != EPERM) return errno;
    if (::fchmod(descriptor, old->st_mode & 07777) != 0) return errno;
  }
  const int problem = write_all(descriptor, parts);
  return problem != 0 ? problem : sync(descriptor);
}

void require_folder(const std::string& path, const std::string& target) {
  const std::string folder = folder_of(target);
  const auto status = status_of(folder);
  if (!status)
    fail(path, fmt::format("its folder {} cannot be used ({}); make the folder first", shown_path(folder),
                           reason(errno)));
  if (!S_ISDIR(status->st_mode))
    fail(path, fmt::format("{} is not a folder; choose another name", shown_path(folder)));
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    fail(path, fmt::format("its folder {} cannot be written ({}); choose another folder", shown_path(folder),
                           reason(errno)));
  }
}

// What is at `path` now, links followed; throws where it cannot be replaced.
std::optional<struct stat> replaceable(const std::string& path) {
  if (path.empty()) throw Error(ErrorKind::io, "an empty file name; name the file to write");
  const auto status = status_of(path);
  if (!status && errno != ENOENT)
    fail(path, fmt::format("cannot be written ({}); choose another name", reason(errno)));
  if (status ? S_ISDIR(status->st_mode) : path.back() == '/') fail(path, "is a folder; name a file in it");
  if (status && ::access(path.c_str(), W_OK) != 0) {
    fail(path, fmt::format("cannot be written ({}); choose another name", reason(errno)));
  }
  return status;
}

bool is_device(const std::string& path) {
  const auto old = replaceable(path);
  return old && !S_ISREG(old->st_mode);
}

// A file written beside the one that it is to replace.
class Replacement {
 public:
  Replacement(const std::string& path, std::span<const std::string_view> parts)
      : path_(path), target_(link_target(path)) {
    const auto old = replaceable(path);
    int problem = 0;
    {
      const Descriptor file(open_temporary(folder_of(target_), temporary_));
      problem = file.number < 0 ? errno : fill_temporary(file.number, parts, old);
      if (file.number < 0) temporary_.clear();
    }
    if (problem != 0) give_up(problem);
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  void take_place() {
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) give_up(errno);
    temporary_.clear();
    // A folder that may be written but not read cannot be opened, hence not synced.
    const Descriptor opened(::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const int problem = opened.number < 0 ? 0 : sync(opened.number);
    if (problem != 0)
      fail(path_, fmt::format("is written but not safely on disk ({}); check the disk", reason(problem)));
  }

 private:
  [[noreturn]] void give_up(int problem) {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
    fail_writing(path_, problem);
  }

  std::string path_, target_, temporary_;
};

}  // namespace

std::string shown_path(const std::string& path) {
  return path == "-" ? "standard input" : printable(path, kLongestPath);
}

std::string link_target(const std::string& path) {
  namespace fs = std::filesystem;
  fs::path target = path;
  std::error_code code;
  for (int i = 0; i < kMostLinks && fs::is_symlink(target, code); ++i) {
    const fs::path next = fs::read_symlink(target, code);
    if (code) break;
    target = target.parent_path() / next;  // an absolute `next` stands alone
  }
  if (fs::is_symlink(target, code)) fail(path, "its symbolic links lead nowhere; choose another name");
  return target.string();
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string read_file(const std::string& path) {
  ByteStream stream(path);
  const MemoryLimit most = memory_limit();
  const auto require_room = [&](std::size_t bytes) {
    if (bytes <= most.bytes) return;
    fail(path,
         fmt::format("holds more bytes than {} memory ({}); use a part of it", most.words,
                     with_commas(most.bytes)),
         ErrorKind::data);
  };
  require_room(stream.expected());
  std::string content;
  std::size_t filled = 0;
  // One byte more than expected, so that the end is seen without growing.
  content.resize(std::max(stream.expected() + 1, kChunk));
  for (;;) {
    const std::size_t count = stream.read(content.data() + filled, content.size() - filled);
    if (count == 0) break;
    filled += count;
    require_room(filled);
    if (filled == content.size()) content.resize(2 * filled);
  }
  content.resize(filled);
  return content;
}

void write_file_atomically(const std::string& path, std::string_view content) {
  write_file_atomically(path, std::span(&content, 1));
}

void write_file_atomically(const std::string& path, std::span<const std::string_view> parts) {
  if (is_device(path)) return write_through(path, parts);
  // Nobody would take away the temporary of a program that is ended now.
  const HeldBackSignals held_back;
  Replacement(path, parts).take_place();
}

void write_files_atomically(std::span<const FileContent> files) {
  for (const FileContent& file : files) {
    if (is_device(file.path)) write_through(file.path, std::span(&file.content, 1));
  }
  const HeldBackSignals held_back;
  std::deque<Replacement> replacements;
  for (const FileContent& file : files) {
    if (!is_device(file.path)) replacements.emplace_back(file.path, std::span(&file.content, 1));
  }
  for (Replacement& replacement : replacements) replacement.take_place();
}

void require_writable(const std::string& path, bool overwrite) {
  const auto status = replaceable(path);
  if (status && !S_ISREG(status->st_mode)) return;
  if (status && !overwrite) {
    fail(path, "exists already; choose another name, or overwrite it with --force", ErrorKind::data);
  }
  require_folder(path, link_target(path));
}

}  // namespace ztilde
