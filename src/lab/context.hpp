// What an experiment works with: the rows, how large a run is wanted, and the cores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "lab/data.hpp"

namespace ztilde::lab {

// Thrown out of an experiment whose user does not want to wait for the rest.
struct Stopped {};

class Context;

// One of several trainings that know nothing of each other.
class Trial {
 public:
  const std::size_t index;
  // How much of this trial is done, 0 … 1. Throws Stopped where the user wants to stop.
  void tell(double done);

 private:
  friend class Context;
  Trial(std::size_t index_, Context& context, double share)
      : index(index_), context_(context), share_(share) {}
  Context& context_;
  double share_, told_ = 0;
};

struct ContextOptions {
  bool quick = false;
  std::uint64_t seed = 0;
  std::size_t threads = 0;                   // 0: all cores
  std::function<void(double)> on_done = {};  // how much is done, 0 … 1; called from one thread at a time
  std::function<bool()> should_stop = {};    // may be called from any thread
};

class Context {
 public:
  Context(const Data& data_, ContextOptions options);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Data& data;
  const bool quick;
  const std::uint64_t seed;
  const std::size_t threads;  // at least 1

  // Runs run(trial) for each of 0 … trials - 1, a trial a core: what a trial does must take one thread
  // (TrainOptions::threads = 1). They are `share` of the experiment's work (the shares add up to 1). The
  // exception of the first trial that threw one is thrown again when all have ended.
  void parallel(double share, std::size_t trials, const std::function<void(Trial&)>& run);
  // So much more of the experiment is done. Throws Stopped as above. Any thread.
  void advance(double share);

  // Size by what is wanted: whole, or the quick version.
  template <class T>
  T pick(T whole, T small) const {
    return quick ? small : whole;
  }

 private:
  struct State;
  ContextOptions options_;
  std::shared_ptr<State> state_;
};

}  // namespace ztilde::lab
