#include "cli/interrupt.hpp"

#include <signal.h>

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
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    ::sigaction(kSignals[i], nullptr, &previous[i]);
    // Ignored by whoever started us (nohup, a script's background job): stays ignored.
    if (previous[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interrupt::~Interrupt() {
  for (std::size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &previous[i], nullptr);
}

int Interrupt::signal() const { return arrived; }

}  // namespace ztilde::cli
