#include <gtest/gtest.h>

#include "plan/stopwatch.hpp"
#include "training/test_tables.hpp"
#include "training/trainer.hpp"

namespace ztilde {
namespace {

TEST(Stopwatch, gives_all_that_passed_between_start_and_the_last_lap_to_the_works_named) {
  Stopwatch watch;
  watch.turn_on();
  const std::uint64_t before = ticks();
  watch.start();
  const std::uint64_t begun = ticks();
  watch.lap(Work::data);
  for (int i = 0; i < 1000; ++i) watch.lap(i % 2 ? Work::products : Work::other);
  const std::uint64_t ending = ticks();
  watch.lap(Work::optimiser);
  EXPECT_GE(watch.total(), ending - begun);
  EXPECT_LE(watch.total(), ticks() - before);
  EXPECT_EQ(watch.spent(Work::normalisation), 0u);
  EXPECT_EQ(watch.spent(Work::products) + watch.spent(Work::other) + watch.spent(Work::data) +
                watch.spent(Work::optimiser),
            watch.total());
}

TEST(Stopwatch, that_is_off_counts_nothing) {
  Stopwatch watch;
  watch.start();
  for (int i = 0; i < 10; ++i) watch.lap(Work::products);
  EXPECT_EQ(watch.total(), 0u);
}

double sum(const TimeSplit& time) {
  return time.products + time.normalisation + time.data + time.optimiser + time.other;
}

std::vector<HistoryPoint> ends_of_epochs(TrainOptions options, std::size_t threads) {
  options.batch = 40;
  options.epochs = 4;
  options.threads = threads;
  TrainObserver observer;
  observer.probe_rows = 10;
  return train(spirals(500), options, observer).history;
}

TEST(TimeSplit, has_every_part_of_a_network_that_has_it_and_grows_within_the_threads_time) {
  for (const std::size_t threads : {1u, 2u, 3u}) {
    for (const std::size_t ghost : {0u, 10u}) {
      TrainOptions options;
      options.hidden = {20, 20};
      options.dropout = 0.2;
      options.ghost = ghost;
      double before = 0;
      for (const HistoryPoint& point : ends_of_epochs(options, threads)) {
        const TimeSplit& time = *point.time;
        EXPECT_GT(time.products, 0);
        EXPECT_GT(time.normalisation, 0);
        EXPECT_GT(time.data, 0);
        EXPECT_GT(time.optimiser, 0);
        EXPECT_GT(time.other, 0);
        EXPECT_GT(sum(time), before);
        // The steps alone, by a clock whose tick is found to far better than a hundredth.
        EXPECT_LT(sum(time), 1.01 * static_cast<double>(threads) * point.seconds);
        before = sum(time);
      }
    }
  }
}

TEST(TimeSplit, has_nothing_for_the_normalisation_of_a_network_without_any) {
  TrainOptions options;
  options.hidden = {};
  const TimeSplit time = *ends_of_epochs(options, 2).back().time;
  EXPECT_EQ(time.normalisation, 0);
  EXPECT_GT(time.products, 0);
  EXPECT_GT(time.data, 0);
  EXPECT_GT(time.optimiser, 0);
}

}  // namespace
}  // namespace ztilde
