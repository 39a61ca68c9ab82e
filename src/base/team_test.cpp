#include "base/team.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ztilde {
namespace {

TEST(Cut, parts_cover_the_range_in_order_and_differ_by_at_most_one) {
  for (std::size_t total = 0; total <= 40; ++total) {
    for (std::size_t parts = 1; parts <= 9; ++parts) {
      const Cut cut{total, parts};
      std::size_t next = 0;
      for (std::size_t i = 0; i < parts; ++i) {
        EXPECT_EQ(cut.first(i), next);
        EXPECT_LE(cut.size(0) - cut.size(i), 1u);
        next += cut.size(i);
      }
      EXPECT_EQ(next, total);
      EXPECT_EQ(cut.largest(), cut.size(0));
    }
  }
}

TEST(Cut, at_most_keeps_every_part_under_the_limit_with_as_few_parts_as_possible) {
  for (std::size_t total = 1; total <= 300; ++total) {
    const Cut cut = Cut::at_most(total, 64);
    EXPECT_LE(cut.largest(), 64u);
    EXPECT_GT(total, (cut.parts - 1) * 64);
  }
}

TEST(Team, every_task_runs_once_whatever_the_number_of_threads) {
  for (const std::size_t threads : {1u, 2u, 3u, 4u, 7u}) {
    Team team(threads);
    std::vector<int> runs(100, 0);
    team.run([&](const Worker& worker) { worker.share(runs.size(), [&](std::size_t t) { ++runs[t]; }); });
    EXPECT_EQ(runs, std::vector<int>(100, 1)) << threads;
  }
}

TEST(Team, the_completion_of_a_barrier_sees_all_work_before_it_and_is_seen_by_all_after_it) {
  for (const std::size_t threads : {1u, 2u, 4u}) {
    Team team(threads);
    std::vector<int> values(64, 0);
    int sum = 0;
    std::vector<int> seen(threads, 0);
    for (int round = 1; round <= 200; ++round) {
      team.run([&](const Worker& worker) {
        worker.share(values.size(), [&](std::size_t t) { values[t] = round; });
        worker.sync([&] {
          sum = 0;
          for (const int value : values) sum += value;
        });
        seen[worker.index] = sum;
        worker.sync();
        worker.share(values.size(), [&](std::size_t t) { values[t] = -1; });
      });
      for (std::size_t w = 0; w < threads; ++w) ASSERT_EQ(seen[w], 64 * round);
    }
  }
}

TEST(TaskQueue, every_task_runs_once_in_every_round) {
  for (const std::size_t threads : {1u, 2u, 3u, 4u}) {
    Team team(threads);
    TaskQueue queue(threads);
    for (const std::size_t tasks : {0u, 1u, 2u, 5u, 64u}) {
      std::vector<int> runs(tasks, 0);
      for (int round = 1; round <= 100; ++round) {
        queue.refill();
        team.run([&](const Worker& worker) { queue.take(worker, tasks, [&](std::size_t t) { ++runs[t]; }); });
        ASSERT_EQ(runs, std::vector<int>(tasks, round)) << threads << " threads";
      }
    }
  }
}

TEST(TaskQueue, those_who_are_free_run_the_tasks_of_one_who_is_late) {
  Team team(3);
  TaskQueue queue(3);
  queue.refill();
  std::vector<std::size_t> by(9, 3);
  team.run([&](const Worker& worker) {
    if (worker.index == 1) worker.sync();  // comes when the others have nothing left
    queue.take(worker, by.size(), [&](std::size_t t) { by[t] = worker.index; });
    if (worker.index != 1) worker.sync();
  });
  for (const std::size_t worker : by) EXPECT_TRUE(worker == 0 || worker == 2) << worker;
}

}  // namespace
}  // namespace ztilde
