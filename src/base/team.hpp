// The threads that run a plan together: every worker runs the same function, takes its share of
// the tasks and waits for the others at barriers. Which worker runs a task never changes a result.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/cut.hpp"

namespace ztilde {

// Returns when `value` is no longer `old`. Stages last microseconds, so it spins first. Then it
// sleeps: on a busy machine the core may be what the others wait for.
inline void wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) {
  constexpr int kSpins = 2000;  // some 30 µs
  for (int spins = 0; spins < kSpins; ++spins) {
    if (value.load(std::memory_order_acquire) != old) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  value.wait(old, std::memory_order_acquire);
}

class Barrier {
 public:
  explicit Barrier(std::size_t workers) : workers_(static_cast<std::uint32_t>(workers)) {}

  // Returns when all workers have arrived; the last to arrive runs `completion` before any returns.
  template <class Completion>
  void arrive(Completion&& completion) {
    const std::uint32_t round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 != workers_)
      return wait_for_change(round_, round);
    completion();
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    round_.notify_all();
  }

 private:
  const std::uint32_t workers_;
  alignas(64) std::atomic<std::uint32_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> round_{0};
};

struct Worker {
  std::size_t index;
  std::size_t count;
  Barrier& barrier;

  // Calls task(t) for this worker's contiguous share of 0 … tasks - 1. Static, so that a worker
  // meets the same rows in every stage and finds them in its cache.
  template <class Task>
  void share(std::size_t tasks, Task&& task) const {
    const Cut cut{tasks, count};
    const std::size_t first = cut.first(index);
    for (std::size_t t = first; t < first + cut.size(index); ++t) task(t);
  }
  template <class Completion>
  void sync(Completion&& completion) const {
    barrier.arrive(completion);
  }
  void sync() const {
    barrier.arrive([] {});
  }
};

class Team {
 public:
  // threads 0: all cores this process may use. Throws Error(data) when they cannot be started.
  explicit Team(std::size_t threads);
  ~Team();

  std::size_t threads() const { return threads_; }
  // Runs body(const Worker&) on every worker and returns when all are done. body must not throw.
  template <class Body>
  void run(Body&& body) {
    run_on_all(std::ref(body));  // a reference fits into the function without allocating
  }

 private:
  void run_on_all(const std::function<void(const Worker&)>& body);

  std::size_t threads_;
  struct Pool;
  std::unique_ptr<Pool> pool_;
};

// The cores this process may use.
std::size_t available_cores();

}  // namespace ztilde
