// Where a worker's time goes, by kind of work.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "base/ticks.hpp"

namespace ztilde {

// As ztilde/train.hpp explains them.
enum class Work { products, normalisation, data, optimiser, other };

// One worker's. What passed between start() and a lap, or two laps, was the work that the later one
// names. Until it is turned on each call is a branch.
class alignas(64) Stopwatch {
 public:
  void turn_on() { on_ = true; }
  bool is_on() const { return on_; }

  void start() {
    if (on_) last_ = ticks();
  }
  void lap(Work work) {
    if (on_) add(work, ticks());
  }

  std::uint64_t spent(Work work) const { return spent_[static_cast<std::size_t>(work)]; }
  std::uint64_t total() const { return std::accumulate(spent_.begin(), spent_.end(), std::uint64_t{0}); }

 private:
  void add(Work work, std::uint64_t now) {
    // A thread may have been moved to a core whose clock is behind.
    if (now > last_) spent_[static_cast<std::size_t>(work)] += now - last_;
    last_ = now;
  }

  bool on_ = false;
  std::uint64_t last_ = 0;
  std::array<std::uint64_t, 5> spent_ = {};  // by Work
};

}  // namespace ztilde
