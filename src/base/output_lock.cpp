#include "base/output_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/fingerprint.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

namespace fs = std::filesystem;

constexpr int kMostTries = 1000;

// A name of fixed length, for a file name may be as long as a name can be.
std::string lock_path_of(const std::string& target) {
  Fingerprint name;
  name.add(fs::path(target).filename().string());
  return fmt::format("{}/{}{:016x}.lock", folder_of(target), kTemporaryStart, name.value());
}

// The number at the start of the lock file, 0 where its holder has not written it yet.
pid_t holder(int descriptor) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  pid_t process = 0;
  if (size > 0) std::from_chars(text.data(), text.data() + size, process);
  return process;
}

[[noreturn]] void refuse(const std::string& path, pid_t process) {
  const std::string who = process > 0 ? fmt::format("process {}", process) : "another process";
  throw Error(ErrorKind::data, fmt::format("{}: {} is writing it; wait for its end, or choose another name",
                                           shown_path(path), who));
}

// Whether `path` still names the open file, and not one that came after its removal.
bool is_same_file(int descriptor, const std::string& path) {
  struct stat open {
  }, named{};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

// The process id in the name of a temporary, or 0.
pid_t writer_of(std::string_view name) {
  if (!name.starts_with(kTemporaryStart) || !name.ends_with(kTemporaryEnd)) return 0;
  name.remove_prefix(kTemporaryStart.size());
  name.remove_suffix(kTemporaryEnd.size());
  pid_t process = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), process);
  return failure == std::errc() && process > 0 && end != name.data() + name.size() && *end == '-' ? process
                                                                                                  : 0;
}

}  // namespace

OutputLock::OutputLock(const std::string& path, bool may_replace)
    : OutputLock((require_writable(path, true), path)) {
  require_writable(path, may_replace);
}

OutputLock::OutputLock(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) return;
  const std::string target = link_target(path);
  lock_path_ = lock_path_of(target);
  for (int i = 0; i < kMostTries; ++i) {
    descriptor_ = ::open(lock_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      throw Error(ErrorKind::io, fmt::format("{}: cannot be written ({}); choose another folder",
                                             shown_path(path), std::strerror(errno)));
    }
    const int problem = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    const bool taken = problem == EWOULDBLOCK;
    const pid_t process = taken ? holder(descriptor_) : 0;
    // Between open and lock the holder before may have ended and taken its file away.
    if (taken || is_same_file(descriptor_, lock_path_)) {
      if (taken) {
        ::close(descriptor_);
        refuse(path, process);
      }
      const std::string text = fmt::format("{} {}\n", ::getpid(), fs::path(target).filename().string());
      // For the words of whoever is refused; the lock itself needs no content.
      if (::ftruncate(descriptor_, 0) == 0) (void)!::write(descriptor_, text.data(), text.size());
      break;
    }
    ::close(descriptor_);
    descriptor_ = -1;
  }
  remove_stale_temporaries(folder_of(target));
}

OutputLock::~OutputLock() {
  if (descriptor_ < 0) return;
  ::unlink(lock_path_.c_str());  // while it is still ours
  ::close(descriptor_);
}

void remove_stale_temporaries(const std::string& folder) {
  std::error_code ignored;
  std::vector<std::string> stale;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    const pid_t process = writer_of(name);
    if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) stale.push_back(folder + "/" + name);
  }
  for (const std::string& path : stale) {
    // The id may be one of another container's or machine's processes, which holds a lock then.
    const int file = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) continue;
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
    ::close(file);
  }
}

}  // namespace ztilde
