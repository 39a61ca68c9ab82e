// A clock that is cheap enough to read around every block of work.
#pragma once

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace ztilde {

inline std::uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

// How long a tick is, found from what passes between the making of this and the question.
class TickLength {
 public:
  double seconds() const {
    const std::uint64_t passed = ticks() - ticks_;
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - time_;
    return passed == 0 ? 0 : time.count() / static_cast<double>(passed);
  }

 private:
  std::uint64_t ticks_ = ticks();
  std::chrono::steady_clock::time_point time_ = std::chrono::steady_clock::now();
};

}  // namespace ztilde
