#include "search/worker_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/files.hpp"
#include "ztilde/error.hpp"

namespace ztilde::search {
namespace {

std::string path_of(const std::string& folder, std::int64_t id) {
  return fmt::format("{}/worker-{}", folder, id);
}

[[noreturn]] void fail(const std::string& path) {
  throw Error(ErrorKind::io, fmt::format("{}: cannot be locked ({}); put the study on a disk of this machine",
                                         shown_path(path), std::strerror(errno)));
}

int lock(int descriptor, int how) {
  int result = 0;
  while ((result = ::flock(descriptor, how)) != 0 && errno == EINTR) continue;
  return result;
}

}  // namespace

WorkerLock::WorkerLock(const std::string& folder, std::int64_t id) : path_(path_of(folder, id)) {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path_);
  if (lock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    fail(path_);
  }
}

WorkerLock::~WorkerLock() {
  ::unlink(path_.c_str());
  ::close(descriptor_);
}

bool worker_is_alive(const std::string& folder, std::int64_t id) {
  const std::string path = path_of(folder, id);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return false;
  if (file < 0) fail(path);
  // Shared, so that two that ask at once do not take each other for the worker.
  const int problem = lock(file, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
  ::close(file);
  if (problem != 0 && problem != EWOULDBLOCK) {
    errno = problem;
    fail(path);
  }
  return problem == EWOULDBLOCK;
}

void forget_worker(const std::string& folder, std::int64_t id) { ::unlink(path_of(folder, id).c_str()); }

}  // namespace ztilde::search
