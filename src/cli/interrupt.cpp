#include "cli/interrupt.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstddef>
#include <iterator>

namespace ztilde::cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};

volatile sig_atomic_t arrived = 0;
struct sigaction previous[std::size(kSignals)];

extern "C" void remember(int number) {
  arrived = number;
  for (const int each : kSignals) ::signal(each, SIG_DFL);
}

}  // namespace

Interrupt::Interrupt() {
  arrived = 0;
  // This thread computes: a quarter of the time of a training it is in products of oneDNN that keep the stack
  // pointer in a buffer on the heap, where the registers that are saved for a handler (some 3,000 bytes)
  // would lie over what is before that buffer. So handlers have a stack of their own.
  const auto stack_bytes = static_cast<std::size_t>(::sysconf(_SC_SIGSTKSZ)) + 16'384;
  stack_ = std::make_unique<std::byte[]>(stack_bytes);
  const stack_t stack{.ss_sp = stack_.get(), .ss_flags = 0, .ss_size = stack_bytes};
  ::sigaltstack(&stack, &stack_before_);
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    ::sigaction(kSignals[i], nullptr, &previous[i]);
    // Ignored by whoever started us (nohup, a script's background job): stays ignored.
    if (previous[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interrupt::~Interrupt() {
  for (std::size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &previous[i], nullptr);
  ::sigaltstack(&stack_before_, nullptr);
}

int Interrupt::signal() const { return arrived; }

}  // namespace ztilde::cli
