// Standard output and standard error: every byte arrives, or the program says that it did not.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ztilde::cli {

// Whoever read our standard output has gone; nothing is wrong that needs words.
struct ReaderGone {};

// Before anything else: a closed stream must not become the next file that is opened, and a
// reader that goes away must not kill a training.
void prepare_streams();

// Throws Error(io) where standard output does not take all of the text, ReaderGone for a closed pipe.
void write_output(std::string_view text);
// What standard error does not take is lost.
void write_error(std::string_view text);

// As it, of a process that was silenced too.
void write_failure(std::string_view text);
// From here on nothing is written but failures; there is no terminal.
void silence();

bool error_is_terminal();
// Columns of the terminal at standard error, else of COLUMNS, else 80.
std::size_t terminal_width();
// The same for standard output.
std::size_t output_width();

// 0, or the errno of the write that failed.
int write_fully(int descriptor, std::string_view text);

// Progress and warnings, on standard error.
class Messages {
 public:
  explicit Messages(bool quiet) : quiet_(quiet) {}
  bool quiet() const { return quiet_; }
  void say(const std::string& line) const {
    if (!quiet_) write_error(line + "\n");
  }
  void warn(const std::string& line) const { say("warning: " + line); }

 private:
  bool quiet_;
};

}  // namespace ztilde::cli
