#include "base/team.hpp"

#include <omp.h>
#include <sched.h>

#ifdef ZTILDE_PLAIN_THREADS
#include <condition_variable>
#include <mutex>
#include <vector>
#endif

namespace ztilde {

std::size_t available_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<std::size_t>(CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

#ifdef ZTILDE_PLAIN_THREADS

// The same team on std::thread: what the thread sanitiser can follow from one end to the other.
struct Team::Pool {
  explicit Pool(std::size_t workers) : barrier(workers) {
    for (std::size_t index = 1; index < workers; ++index) {
      threads.emplace_back([this, index, workers] { serve(index, workers); });
    }
  }
  ~Pool() {
    {
      const std::lock_guard lock(mutex);
      ending = true;
    }
    wake.notify_all();
    for (std::thread& thread : threads) thread.join();
  }
  void serve(std::size_t index, std::size_t workers) {
    omp_set_num_threads(1);
    std::size_t seen = 0;
    for (;;) {
      const std::function<void(const Worker&)>* task = nullptr;
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return ending || runs != seen; });
        if (ending) return;
        seen = runs;
        task = body;
      }
      (*task)(Worker{index, workers, barrier});
      const std::lock_guard lock(mutex);
      if (--running == 0) done.notify_one();
    }
  }

  Barrier barrier;
  std::mutex mutex;
  std::condition_variable wake, done;
  const std::function<void(const Worker&)>* body = nullptr;
  std::size_t runs = 0, running = 0;
  bool ending = false;
  std::vector<std::thread> threads;
};

Team::Team(std::size_t threads)
    : threads_(threads == 0 ? available_cores() : threads), pool_(std::make_unique<Pool>(threads_)) {}

void Team::run_on_all(const std::function<void(const Worker&)>& body) {
  {
    const std::lock_guard lock(pool_->mutex);
    pool_->body = &body;
    pool_->running = threads_ - 1;
    ++pool_->runs;
  }
  pool_->wake.notify_all();
  const int threads_before = omp_get_max_threads();
  omp_set_num_threads(1);
  body(Worker{0, threads_, pool_->barrier});
  omp_set_num_threads(threads_before);
  std::unique_lock lock(pool_->mutex);
  pool_->done.wait(lock, [&] { return pool_->running == 0; });
}

#else

struct Team::Pool {  // OpenMP keeps the threads; they are oneDNN's own
  Barrier barrier;
};

Team::Team(std::size_t threads)
    : threads_(threads == 0 ? available_cores() : threads), pool_(new Pool{Barrier(threads_)}) {}

void Team::run_on_all(const std::function<void(const Worker&)>& body) {
  Barrier& barrier = pool_->barrier;
#pragma omp parallel num_threads(static_cast<int>(threads_)) default(none) shared(body, barrier)
  {
    // oneDNN must not open a region of its own inside a worker.
    omp_set_num_threads(1);
    // OpenMP may give fewer threads than asked for (nested in a caller's region, a thread limit).
    const auto count = static_cast<std::size_t>(omp_get_num_threads());
#pragma omp single
    barrier.set_workers(count);
    body(Worker{static_cast<std::size_t>(omp_get_thread_num()), count, barrier});
  }
}

#endif

Team::~Team() = default;
Team::Team(Team&&) noexcept = default;
Team& Team::operator=(Team&&) noexcept = default;

}  // namespace ztilde
