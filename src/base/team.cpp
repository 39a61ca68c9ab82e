#include "base/team.hpp"

#include <sched.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/held_back_signals.hpp"
#include "base/one_openmp_thread.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

std::size_t available_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<std::size_t>(CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

// Threads of our own rather than OpenMP's, which spin for milliseconds while they wait: on a core
// that something else wants too that made training ten times slower (docs/performance.md).
struct Team::Pool {
  explicit Pool(std::size_t workers) : barrier(workers) {
    threads.reserve(workers - 1);
    // Only the caller's thread decides what may be interrupted, and where a handler finds a stack.
    const HeldBackSignals held_back;
    try {
      for (std::size_t index = 1; index < workers; ++index) {
        threads.emplace_back([this, index, workers] { serve({index, workers, barrier}); });
      }
    } catch (...) {
      end();  // those that did start
      throw;
    }
  }
  ~Pool() { end(); }

  void serve(const Worker& worker) {
    const OneOpenMpThread one;
    for (std::uint32_t seen = 0;; ++seen) {
      wait_for_change(runs, seen);
      if (ending) return;
      (*body)(worker);
      barrier.arrive([] {});
    }
  }
  void start() {
    runs.fetch_add(1, std::memory_order_release);
    runs.notify_all();
  }
  void end() {
    ending = true;
    start();
    for (std::thread& thread : threads) thread.join();
  }

  Barrier barrier;
  std::atomic<std::uint32_t> runs{0};
  const std::function<void(const Worker&)>* body = nullptr;  // of this run
  bool ending = false;
  std::vector<std::thread> threads;
};

Team::Team(std::size_t threads) : threads_(threads == 0 ? available_cores() : threads) {
  try {
    pool_ = std::make_unique<Pool>(threads_);
  } catch (const std::system_error&) {
    throw Error(ErrorKind::data,
                "cannot start " + std::to_string(threads_) + " threads; give --threads a smaller number");
  }
}

Team::~Team() = default;

void Team::run_on_all(const std::function<void(const Worker&)>& body) {
  const OneOpenMpThread one;
  pool_->body = &body;
  if (threads_ > 1) pool_->start();
  body(Worker{0, threads_, pool_->barrier});
  pool_->barrier.arrive([] {});
}

}  // namespace ztilde
