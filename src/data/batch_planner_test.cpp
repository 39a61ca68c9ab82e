#include "data/batch_planner.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstddef>

#include "base/test_support.hpp"

namespace ztilde {
namespace {

TEST(BatchPlanner, describes_the_batches_in_plain_words) {
  EXPECT_EQ(plan_batches(1001, 256, 2).describe(), "1,001 rows = 4 batches of 250 or 251");
  EXPECT_EQ(plan_batches(60000, 250, 2).describe(), "60,000 rows = 240 batches of 250");
  EXPECT_EQ(plan_batches(200, 256, 2).describe(), "200 rows = 1 batch");
  EXPECT_EQ(plan_batches(1, 256, 1).describe(), "1 row = 1 batch");
}

TEST(BatchPlanner, makes_fewer_batches_rather_than_one_of_a_single_row) {
  EXPECT_EQ(plan_batches(3, 2, 2).describe(), "3 rows = 1 batch");
  EXPECT_EQ(plan_batches(5, 2, 2).describe(), "5 rows = 2 batches of 2 or 3");
  EXPECT_EQ(plan_batches(5, 2, 1).describe(), "5 rows = 3 batches of 1 or 2");
}

TEST(BatchPlanner, refuses_what_cannot_work_with_the_arithmetic) {
  const TemporaryFolder folder;
  const auto refusal = [&](std::size_t rows, std::size_t batch, std::size_t least) {
    return failure(folder, [&] { plan_batches(rows, batch, least); });
  };
  EXPECT_EQ(refusal(0, 10, 1), "data: 0 rows make no batch; give data with rows");
  EXPECT_EQ(refusal(10, 0, 1), "data: a batch of 0 rows trains nothing; choose a batch of 1 or more");
  EXPECT_EQ(
      refusal(1, 10, 2),
      "data: 1 row to train on, and batch norm needs 2 rows in every batch (the variance of 1 row is 0); "
      "give more rows, or train without batch norm");
  EXPECT_EQ(refusal(1000, 1, 2),
            "data: 1,000 rows in batches of 1 would be 1,000 batches of 1 row, and batch norm needs 2 rows "
            "in every "
            "batch (the variance of 1 row is 0); choose a batch of 2 or more, or train without batch norm");
}

void check_plan(std::size_t rows, std::size_t batch, std::size_t least) {
  const BatchPlan plan = plan_batches(rows, batch, least);
  RC_ASSERT(plan.rows == rows);
  std::size_t sum = 0;
  for (std::size_t i = 0; i < plan.batches; ++i) {
    RC_ASSERT(plan.first_row(i) == sum);
    RC_ASSERT(plan.size(i) >= least);
    RC_ASSERT(plan.size(i) <= plan.largest());
    RC_ASSERT(plan.size(i) + 1 >= plan.largest());
    sum += plan.size(i);
  }
  RC_ASSERT(sum == rows);
  // A batch is larger than asked for only where one of a single row would be the alternative.
  RC_ASSERT(plan.largest() <= batch || batch < 2 * least);
  RC_ASSERT(plan.batches <= (rows + batch - 1) / batch);
}

TEST(BatchPlanner, cuts_any_rows_into_batches_that_differ_by_at_most_one_row) {
  const auto property = [](std::size_t least) {
    const std::size_t rows = *rc::gen::inRange<std::size_t>(least, 5000);
    check_plan(rows, *rc::gen::inRange<std::size_t>(least, 600), least);
  };
  EXPECT_TRUE(rc::check("without batch norm", [&] { property(1); }));
  EXPECT_TRUE(rc::check("with batch norm", [&] { property(2); }));
}

TEST(BatchPlanner, holds_for_every_small_number_of_rows_and_batch) {
  EXPECT_TRUE(rc::check("all pairs up to 40", [] {
    for (std::size_t least = 1; least <= 2; ++least) {
      for (std::size_t rows = least; rows <= 40; ++rows) {
        for (std::size_t batch = least; batch <= 41; ++batch) check_plan(rows, batch, least);
      }
    }
  }));
}

}  // namespace
}  // namespace ztilde
