#include "training/schedule.hpp"

#include <gtest/gtest.h>

namespace ztilde {
namespace {

TEST(Schedule, constant_stays) {
  const Schedule schedule{ScheduleKind::constant, 0.5, 100};
  EXPECT_EQ(schedule.at(0), 0.5);
  EXPECT_EQ(schedule.at(99), 0.5);
}

TEST(Schedule, warm_up_rises_linearly_and_comes_before_the_schedule) {
  const Schedule schedule{ScheduleKind::cosine, 1, 110, 10};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(9), 1);
  EXPECT_DOUBLE_EQ(schedule.at(10), 1);
  EXPECT_DOUBLE_EQ(schedule.at(60), 0.5);
}

TEST(Schedule, cosine_falls_to_almost_nothing) {
  const Schedule schedule{ScheduleKind::cosine, 1, 1000};
  EXPECT_DOUBLE_EQ(schedule.at(0), 1);
  EXPECT_DOUBLE_EQ(schedule.at(500), 0.5);
  EXPECT_LT(schedule.at(999), 1e-5);
  for (std::uint64_t step = 1; step < 1000; ++step) EXPECT_LT(schedule.at(step), schedule.at(step - 1));
}

TEST(Schedule, step_falls_tenfold_at_a_half_and_at_three_quarters) {
  const Schedule schedule{ScheduleKind::step, 1, 100};
  EXPECT_DOUBLE_EQ(schedule.at(49), 1);
  EXPECT_DOUBLE_EQ(schedule.at(50), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(74), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(75), 0.01);
}

TEST(Schedule, one_cycle_rises_and_falls) {
  const Schedule schedule{ScheduleKind::onecycle, 1, 1000};
  EXPECT_NEAR(schedule.at(0), 1.0 / 25, 1e-15);  // 1 - 24/25 in double
  EXPECT_DOUBLE_EQ(schedule.at(300), 1);
  EXPECT_NEAR(schedule.at(999), 1e-4, 1e-5);
}

TEST(Schedule, warm_up_longer_than_the_run_never_divides_by_zero) {
  const Schedule schedule{ScheduleKind::cosine, 1, 5, 10};
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.5);
  EXPECT_DOUBLE_EQ(schedule.at(10), 1);
}

}  // namespace
}  // namespace ztilde
