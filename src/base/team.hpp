// The threads that run a plan together: every worker runs the same function, takes its share of
// the tasks and waits for the others at barriers. Which worker runs a task never changes a result.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

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

// Tasks that each worker takes from its own share first, so that it meets the same memory every
// time, and then from the shares of those who are late. A task's result must not depend on who runs it.
class TaskQueue {
 public:
  explicit TaskQueue(std::size_t workers) : taken_(workers) {}
  // While nobody takes.
  void refill() {
    for (Count& count : taken_) count.value.store(0, std::memory_order_relaxed);
  }
  // Calls task(t) for each of 0 … tasks - 1 that nobody has taken yet. Every worker calls it.
  template <class Task>
  void take(const Worker& worker, std::size_t tasks, Task&& task) {
    const Cut shares{tasks, worker.count};
    for (std::size_t i = 0; i < worker.count; ++i) {
      const std::size_t owner = (worker.index + i) % worker.count;
      std::atomic<std::size_t>& taken = taken_[owner].value;
      while (taken.load(std::memory_order_relaxed) < shares.size(owner)) {
        const std::size_t t = taken.fetch_add(1, std::memory_order_relaxed);
        if (t < shares.size(owner)) task(shares.first(owner) + t);
      }
    }
  }

 private:
  struct alignas(64) Count {
    std::atomic<std::size_t> value{0};
  };
  std::vector<Count> taken_;  // by worker
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
