#include "base/byte_stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/files.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 18;
constexpr int kMillisecondsForWriter = 2000, kMillisecondsToGiveUp = 50;

[[noreturn]] void fail(const std::string& path, const std::string& what, ErrorKind kind = ErrorKind::io) {
  throw Error(kind, fmt::format("{}: {}", shown_path(path), what));
}

[[noreturn]] void fail_reading(const std::string& path, int number, const char* todo) {
  fail(path, fmt::format("cannot be read ({}); {}", std::strerror(number), todo));
}

// A named pipe that nobody writes to would be waited for without end. A writer that is there may
// take its time. The first byte, where it came too late for the wait and had to be read.
std::optional<char> wait_for_writer(const std::string& path, int descriptor) {
  std::optional<char> first;
  pollfd waited{descriptor, POLLIN, 0};
  const bool silent = ::poll(&waited, 1, kMillisecondsForWriter) == 0;
  // Only a read can tell: without a writer it is at the end, and with a
  // silent one it would have to wait. A byte that comes in between is kept.
  char byte = 0;
  const ssize_t count = silent ? ::read(descriptor, &byte, 1) : -1;
  if (count == 0) fail(path, "is a pipe that nobody writes to; start its writer first, or name a file");
  if (count == 1) first = byte;
  return first;
}

}  // namespace

struct ByteStream::Implementation {
  std::string path;
  int descriptor = -1;
  bool may_wait = false;  // reading it may take as long as somebody pleases
  std::atomic<bool> given_up{false};
  std::size_t expected = 0;
  std::string start;  // what was read to know a gzip file by, or the content in memory
  std::size_t at = 0;
  std::optional<z_stream> zip;
  std::string zipped;
  bool inside = true;  // a gzip member; else between two

  ~Implementation() {
    if (zip) inflateEnd(&*zip);
    if (descriptor > STDERR_FILENO) ::close(descriptor);
  }

  void open() {
    const bool standard_input = path == "-";
    // Not to hang in opening a pipe.
    descriptor = standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 && errno == ENOENT) fail(path, "no such file; check the name");
    if (descriptor < 0) fail_reading(path, errno, "check the file");
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) fail_reading(path, errno, "check the file");
    if (S_ISDIR(status.st_mode)) fail(path, "is a folder; name a file in it");
    start.resize(kChunk);
    std::size_t filled = 0;
    if (!standard_input && S_ISFIFO(status.st_mode)) {
      if (const auto first = wait_for_writer(path, descriptor)) start[filled++] = *first;
    }
    if (!standard_input) ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
    while (filled < 2) {
      const std::size_t count = read_raw(start.data() + filled, start.size() - filled);
      if (count == 0) break;
      filled += count;
    }
    start.resize(filled);
    // A device may never end. One that is empty (/dev/null) is an empty file, a terminal is typed at.
    const bool device = S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode);
    if (device && filled > 0 && ::isatty(descriptor) == 0) fail(path, "is a device; name a file");
    may_wait = !S_ISREG(status.st_mode);
    if (!may_wait) expected = static_cast<std::size_t>(status.st_size);
  }

  void unzip_where_zipped() {
    if (start.size() < 2 || start[0] != '\x1F' || start[1] != '\x8B') return;
    constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, and gzip's header and checksum
    zip.emplace();
    if (inflateInit2(&*zip, kGzipWindow) != Z_OK) {
      zip.reset();
      fail(path, "zlib cannot start; free some memory");
    }
    zipped.resize(kChunk);
    expected = 0;
  }

  std::size_t read_raw(char* out, std::size_t size) const {
    if (descriptor < 0) return 0;
    for (;;) {
      if (given_up) return 0;
      pollfd waited{descriptor, POLLIN, 0};
      if (may_wait && ::poll(&waited, 1, kMillisecondsToGiveUp) == 0) continue;
      const ssize_t count = ::read(descriptor, out, size);
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) fail_reading(path, errno, "check the file and its disk");
    }
  }

  std::size_t read_plain(char* out, std::size_t size) {
    if (at == start.size()) return read_raw(out, size);
    const std::size_t count = std::min(size, start.size() - at);
    std::memcpy(out, start.data() + at, count);
    at += count;
    return count;
  }

  // One gzip member after another, then, as tapes and disks leave them, zero bytes.
  std::size_t read_unzipped(char* out, std::size_t size) {
    z_stream& stream = *zip;
    const auto room = static_cast<uInt>(std::min(size, std::size_t{1} << 30));
    stream.next_out = reinterpret_cast<Bytef*>(out);
    stream.avail_out = room;
    while (stream.avail_out == room) {
      if (stream.avail_in == 0) {
        stream.next_in = reinterpret_cast<Bytef*>(zipped.data());
        stream.avail_in = static_cast<uInt>(read_plain(zipped.data(), zipped.size()));
        if (stream.avail_in == 0 && inside) {
          fail(path, "its gzip data end too early (truncated); copy or download it again", ErrorKind::data);
        }
        if (stream.avail_in == 0) return 0;
      }
      if (!inside) {
        while (stream.avail_in > 0 && *stream.next_in == 0) ++stream.next_in, --stream.avail_in;
        if (stream.avail_in == 0) continue;
        inflateReset(&stream);
        inside = true;
      }
      const int status = inflate(&stream, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        inside = false;
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        fail(path, "its gzip data are damaged; copy or download it again", ErrorKind::data);
      }
    }
    return room - stream.avail_out;
  }
};

ByteStream::ByteStream(const std::string& path) : implementation_(std::make_unique<Implementation>()) {
  implementation_->path = path;
  implementation_->open();
  implementation_->unzip_where_zipped();
}

ByteStream::ByteStream(const std::string& name, std::string content)
    : implementation_(std::make_unique<Implementation>()) {
  implementation_->path = name;
  implementation_->start = std::move(content);
  implementation_->expected = implementation_->start.size();
  implementation_->unzip_where_zipped();
}

ByteStream::~ByteStream() = default;

std::size_t ByteStream::read(char* out, std::size_t size) {
  return implementation_->zip ? implementation_->read_unzipped(out, size)
                              : implementation_->read_plain(out, size);
}

void ByteStream::give_up() { implementation_->given_up = true; }

const std::string& ByteStream::path() const { return implementation_->path; }
std::size_t ByteStream::expected() const { return implementation_->expected; }

}  // namespace ztilde
