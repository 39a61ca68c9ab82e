#include "cli/streams.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "ztilde/error.hpp"

namespace ztilde::cli {

static bool silent = false;
void silence() { silent = true; }

void prepare_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    // Opened for reading, so that writing to it still fails.
    if (::fcntl(stream, F_GETFD) < 0 && ::open("/dev/null", O_RDONLY) < 0) break;
  }
  std::signal(SIGPIPE, SIG_IGN);
}

int write_fully(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

void write_output(std::string_view text) {
  if (silent) return;
  const int problem = write_fully(STDOUT_FILENO, text);
  if (problem == EPIPE) throw ReaderGone();
  if (problem == 0) return;
  const char* reason = problem == EBADF ? "it is closed" : std::strerror(problem);
  throw Error(
      ErrorKind::io,
      fmt::format("standard output: cannot be written ({}); redirect it to a file with room", reason));
}

void write_failure(std::string_view text) { write_fully(STDERR_FILENO, text); }
void write_error(std::string_view text) {
  if (!silent) write_failure(text);
}

bool error_is_terminal() { return !silent && ::isatty(STDERR_FILENO) != 0; }

static std::size_t width_of(int stream) {
  constexpr std::size_t kUsual = 80;
  winsize size{};
  if (::ioctl(stream, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  std::size_t width = 0;
  if (columns != nullptr) std::from_chars(columns, columns + std::strlen(columns), width);
  return width > 0 ? width : kUsual;
}

std::size_t terminal_width() { return width_of(STDERR_FILENO); }
std::size_t output_width() { return width_of(STDOUT_FILENO); }

}  // namespace ztilde::cli
