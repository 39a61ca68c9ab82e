#include "data/pack_output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/files.hpp"
#include "base/held_back_signals.hpp"
#include "data/pack_header.hpp"

namespace ztilde::pack_file {
namespace {

std::string temporary_name(const std::string& folder) {
  static std::atomic<unsigned> serial{0};
  return fmt::format("{}/{}{}-p{}{}", folder, kTemporaryStart, ::getpid(), serial++, kTemporaryEnd);
}

}  // namespace

void NamelessFile::fail_now(const char* what) const {
  fail(path_, fmt::format("{} ({}); nothing was changed", what, std::strerror(errno)), ErrorKind::io);
}

NamelessFile::NamelessFile(const std::string& path, bool scratch) : path_(path), target_(link_target(path)) {
  const std::string folder = folder_of(target_);
  descriptor_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  if (descriptor_ >= 0) return;
  const HeldBackSignals held_back;  // from the name's coming to its going
  name_ = temporary_name(folder);
  descriptor_ = ::open(name_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    name_.clear();
    fail_now("cannot be written");
  }
  ::flock(descriptor_, LOCK_EX | LOCK_NB);
  if (scratch) {
    ::unlink(name_.c_str());
    name_.clear();
  }
}

NamelessFile::~NamelessFile() {
  if (!name_.empty()) ::unlink(name_.c_str());
  if (descriptor_ >= 0) ::close(descriptor_);
}

void NamelessFile::write(std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_now("cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

void NamelessFile::read(char* out, std::size_t bytes, std::uint64_t offset) const {
  while (bytes > 0) {
    const ssize_t count = ::pread(descriptor_, out, bytes, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) errno = EIO;
    if (count <= 0) fail_now("a temporary beside it cannot be read");
    out += count;
    bytes -= static_cast<std::size_t>(count);
    offset += static_cast<std::uint64_t>(count);
  }
}

void NamelessFile::take_place() {
  struct stat old {};
  if (::stat(target_.c_str(), &old) == 0 && ::fchmod(descriptor_, old.st_mode & 07777) != 0)
    fail_now("cannot be written");
  if (::fsync(descriptor_) != 0) fail_now("cannot be written");
  const HeldBackSignals held_back;
  if (name_.empty()) {
    // A link cannot replace a file, a renaming can.
    const std::string name = temporary_name(folder_of(target_));
    const std::string self = fmt::format("/proc/self/fd/{}", descriptor_);
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
      fail_now("cannot be written");
    name_ = name;
  }
  if (::rename(name_.c_str(), target_.c_str()) != 0) fail_now("cannot be written");
  name_.clear();
  const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

}  // namespace ztilde::pack_file
