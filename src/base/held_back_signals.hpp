// Holds back, on this thread and on those it starts meanwhile, every signal but those of its own doing.
// Threads that compute live with it: where oneDNN's products keep their stack pointer in a buffer of theirs,
// a handler would write over whatever lies below that.
#pragma once

#include <signal.h>

namespace ztilde {

class HeldBackSignals {
 public:
  HeldBackSignals() {
    sigset_t signals;
    sigfillset(&signals);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPIPE, SIGXFSZ})
      sigdelset(&signals, own);
    ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  HeldBackSignals(const HeldBackSignals&) = delete;
  HeldBackSignals& operator=(const HeldBackSignals&) = delete;
  ~HeldBackSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace ztilde
