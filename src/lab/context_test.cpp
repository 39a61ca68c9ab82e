#include "lab/context.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace ztilde::lab {
namespace {

const Data kNoData;

TEST(Trials, run_once_each_whatever_the_threads) {
  for (const std::size_t threads : {1, 2, 5}) {
    Context context(kNoData, {.threads = threads});
    std::vector<std::atomic<int>> runs(17);
    context.parallel(1, runs.size(), [&](Trial& trial) { ++runs[trial.index]; });
    for (const auto& count : runs) EXPECT_EQ(count, 1);
  }
}

TEST(Trials, run_on_as_many_threads_as_asked_for) {
  for (const std::size_t threads : {1, 3}) {
    Context context(kNoData, {.threads = threads});
    std::mutex mutex;
    std::set<std::thread::id> seen;
    std::atomic<std::size_t> arrived{0};
    // Every trial waits for the others, so that no thread can run two.
    context.parallel(1, threads, [&](Trial&) {
      ++arrived;
      while (arrived < threads) std::this_thread::yield();
      const std::scoped_lock lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
    EXPECT_EQ(seen.size(), threads);
  }
}

TEST(Trials, add_up_to_the_work_that_they_are) {
  std::vector<double> done;
  Context context(kNoData, {.threads = 2, .on_done = [&](double part) { done.push_back(part); }});
  context.parallel(0.6, 3, [](Trial& trial) {
    trial.tell(0.5);
    trial.tell(0.25);  // what was done stays done
    trial.tell(2);
  });
  EXPECT_NEAR(done.back(), 0.6, 1e-12);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  context.advance(0.4);
  EXPECT_NEAR(done.back(), 1, 1e-12);
}

TEST(Trials, stop_when_their_user_does) {
  std::atomic<int> begun{0};
  Context context(kNoData, {.threads = 2, .should_stop = [&] { return begun > 0; }});
  EXPECT_THROW(context.parallel(1, 100,
                                [&](Trial& trial) {
                                  ++begun;
                                  while (true) trial.tell(0);
                                }),
               Stopped);
  EXPECT_LE(begun, 2);
  EXPECT_THROW(context.advance(0), Stopped);
}

TEST(Trials, hand_on_the_first_problem_and_end_the_others) {
  Context context(kNoData, {.threads = 2});
  EXPECT_THROW(context.parallel(1, 2,
                                [&](Trial& trial) {
                                  if (trial.index == 1) throw std::runtime_error("broken");
                                  while (true) trial.tell(0);
                                }),
               std::runtime_error);
  // The next ones run as if nothing had been.
  int runs = 0;
  context.parallel(1, 1, [&](Trial&) { ++runs; });
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace ztilde::lab
