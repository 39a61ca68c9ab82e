// While an Interrupt is alive, the first SIGINT or SIGTERM is only remembered, so that work can be
// brought to an end and saved; the second one ends the program at once. One at a time.
#pragma once

#include <signal.h>

#include <cstddef>
#include <memory>

namespace ztilde::cli {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // The signal that arrived, 0 for none. The program's exit code is 128 + signal.
  int signal() const;

 private:
  std::unique_ptr<std::byte[]> stack_;
  stack_t stack_before_;
};

}  // namespace ztilde::cli
