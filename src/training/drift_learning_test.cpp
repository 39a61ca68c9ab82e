// Thresholds that training learns: what keeps them, what drops them, and that they tell apart.
#include "training/drift_learning.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/test_support.hpp"
#include "model/drift_json.hpp"
#include "model/model_file.hpp"
#include "training/test_tables.hpp"
#include "ztilde/error.hpp"
#include "ztilde/fold.hpp"
#include "ztilde/monitor.hpp"
#include "ztilde/train.hpp"

namespace ztilde {
namespace {

// Rows from `first` on, without a target.
Dataset rows_of(const Dataset& all, std::size_t first, std::size_t rows) {
  Dataset some = all;
  some.rows = rows;
  const auto begin = all.floats.begin() + static_cast<std::ptrdiff_t>(first * all.columns);
  some.floats.assign(begin, begin + static_cast<std::ptrdiff_t>(rows * all.columns));
  some.targets.clear();
  return some;
}

TrainOptions small_options() {
  TrainOptions options;
  options.hidden = {12, 9};
  options.batch = 50;
  options.epochs = 2;
  options.seed = 4;
  return options;
}

const Dataset& pool() {
  static const Dataset data = spirals(12'000);
  return data;
}
Dataset training_rows() {
  Dataset data = spirals(1500);
  return data;
}
const Model& trained() {
  static const Model model = train(training_rows(), small_options()).model;
  return model;
}

const DriftFinding& finding(const DriftReport& report, DriftKind kind, std::size_t place) {
  for (const DriftFinding& of : report.findings)
    if (of.kind == kind && of.place == place) return of;
  throw Error(ErrorKind::data, "no such finding");
}

TEST(Drift, thresholds_are_learned_from_held_out_rows_and_come_back_from_the_file) {
  const Model& model = trained();
  ASSERT_TRUE(model.drift.has_value());
  EXPECT_EQ(model.drift->rows, 150u);
  EXPECT_EQ(model.drift->sizes, (std::vector<std::uint64_t>{2, 8, 32, 128}));
  EXPECT_EQ(model.drift->columns.size(), 3u);
  EXPECT_EQ(model.drift->layers.size(), 2u);
  const TemporaryFolder folder;
  save(model, folder / "m");
  EXPECT_EQ(load(folder / "m").drift, model.drift);
}

TEST(Drift, thresholds_that_are_none_or_for_another_network_are_not_read) {
  const Network& network = trained().network;
  const std::string text = model_file::to_json(*trained().drift);
  EXPECT_EQ(model_file::drift_from_json(text, network), trained().drift);
  for (const char* other : {"", "{}", "[1]", "{\"rows\": -1}"})
    EXPECT_FALSE(model_file::drift_from_json(other, network).has_value()) << other;
  EXPECT_FALSE(model_file::drift_from_json(text, dense_network({.inputs = 4, .outputs = 3})).has_value());
  for (const auto& [from, to] : {std::pair{"\"sizes\":[2,8", "\"sizes\":[8,2"},
                                 {"\"all\":", "\"all\":-"},
                                 {"\"layer\":2", "\"layer\":3"},
                                 {"\"rows\":150", "\"rows\":\"a\""}}) {
    std::string changed = text;
    ASSERT_NE(changed.find(from), std::string::npos) << from << text.substr(0, 200);
    changed.replace(changed.find(from), std::string_view(from).size(), to);
    EXPECT_FALSE(model_file::drift_from_json(changed, network).has_value()) << to;
  }
}

TEST(Drift, thresholds_have_the_same_bits_for_any_number_of_threads) {
  for (const std::size_t threads : {1, 3}) {
    TrainOptions options = small_options();
    options.threads = threads;
    EXPECT_EQ(train(training_rows(), options).model.drift, trained().drift) << threads;
    EXPECT_EQ(learn_drift_thresholds(trained(), rows_of(pool(), 2000, 500), 1, threads),
              learn_drift_thresholds(trained(), rows_of(pool(), 2000, 500), 1, 2));
  }
}

TEST(Drift, report_is_the_same_for_any_number_of_threads) {
  const Dataset data = rows_of(pool(), 2000, 5000);
  const DriftReport one = drift(trained(), data, {.threads = 1}),
                    three = drift(trained(), data, {.threads = 3});
  ASSERT_EQ(one.findings.size(), three.findings.size());
  for (std::size_t i = 0; i < one.findings.size(); ++i) {
    EXPECT_EQ(one.findings[i].distance, three.findings[i].distance);
    EXPECT_EQ(one.findings[i].threshold, three.findings[i].threshold);
  }
}

TEST(Drift, of_the_rows_that_the_statistics_are_of_is_none_at_all) {
  TrainOptions options = small_options();
  options.valid_fraction = 0;
  const Dataset data = training_rows();
  const Model model = train(data, options).model;
  EXPECT_FALSE(model.drift.has_value());
  const DriftReport report = drift(model, data);
  EXPECT_EQ(report.source, ThresholdSource::assumed);
  for (const DriftFinding& of : report.findings) {
    const bool of_layer = of.kind == DriftKind::layer_means || of.kind == DriftKind::layer_deviations;
    // Sums of the same floats in another order; of layers a few numbers beyond 5 deviations count as 5.
    EXPECT_LT(of.distance, of_layer ? 0.01 : 1e-5) << of.name;
    EXPECT_FALSE(of.beyond()) << of.name;
  }
}

TEST(Drift, is_rarely_seen_in_fresh_rows) {
  // About 1 of 100 calls may be a false alarm. With 2 in 100, 10 or more of 160 have a probability below
  // 0.002.
  std::size_t alarms = 0;
  for (std::size_t i = 0; i < 80; ++i) {
    alarms += drift(trained(), rows_of(pool(), 1500 + 120 * i, 120), {.threads = 1}).drifted();
    alarms += drift(trained(), rows_of(pool(), 1500 + 120 * i, 9), {.threads = 1}).drifted();
  }
  EXPECT_LT(alarms, 10u);
}

TEST(Drift, is_seen_in_a_column_that_moved_or_spread_and_names_it) {
  Dataset moved = rows_of(pool(), 2000, 600), spread = moved;
  for (std::size_t r = 0; r < moved.rows; ++r) {
    moved.floats[3 * r + 2] += 0.5f;  // of noise, whose standard deviation is 1
    spread.floats[3 * r + 2] *= 1.5f;
  }
  const DriftReport of_moved = drift(trained(), moved), of_spread = drift(trained(), spread);
  const DriftFinding& mean = finding(of_moved, DriftKind::mean, 2);
  EXPECT_TRUE(of_moved.drifted() && mean.beyond());
  EXPECT_EQ(mean.name, "noise");
  EXPECT_NEAR(mean.distance, 0.5, 0.15);  // 3 standard deviations of the mean of 600 and 1,350 rows
  EXPECT_NEAR(mean.now - mean.stored, 0.5, 0.15);
  EXPECT_FALSE(finding(of_moved, DriftKind::mean, 0).beyond());
  const DriftFinding& deviation = finding(of_spread, DriftKind::deviation, 2);
  EXPECT_TRUE(of_spread.drifted() && deviation.beyond());
  EXPECT_NEAR(deviation.distance, 0.5, 0.15);
}

// Two columns that go together, and a class that lies in what is between them.
Dataset tied(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = 2;
  data.column_names = {"a", "b"};
  data.target_name = "y";
  data.classes = {"0", "1"};
  const RandomStream stream(3, Purpose::initialise, 0, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    const double a = stream.normal(2 * r), between = 0.3 * stream.normal(2 * r + 1);
    data.floats.push_back(static_cast<float>(a));
    data.floats.push_back(static_cast<float>(a + between));
    data.targets.push_back(between > 0 ? 1 : 0);
  }
  return data;
}

TEST(Drift, is_seen_in_layers_where_no_column_by_itself_tells) {
  const Dataset all = tied(3000);
  Dataset first = all;
  first.rows = 1500;
  first.floats.resize(3000);
  first.targets.resize(1500);
  const Model model = train(first, small_options()).model;
  Dataset mixed = rows_of(all, 1500, 1500);
  EXPECT_FALSE(drift(model, mixed).drifted());
  // Each column as it was, and none belongs to the other any more.
  const Dataset before = mixed;
  for (std::size_t r = 0; r < mixed.rows; ++r)
    mixed.floats[2 * r] = before.floats[2 * ((r + 997) % mixed.rows)];
  const DriftReport report = drift(model, mixed);
  EXPECT_TRUE(report.drifted());
  for (const DriftFinding& of : report.findings) {
    const bool of_layer = of.kind == DriftKind::layer_means || of.kind == DriftKind::layer_deviations;
    EXPECT_TRUE(of_layer || !of.beyond()) << of.name;
  }
}

TEST(Drift, of_a_constant_column_is_any_change_but_in_a_few_rows) {
  Dataset data = training_rows();
  for (std::size_t r = 0; r < data.rows; ++r) data.floats[3 * r + 2] = 1e6f;
  const Model model = train(data, small_options()).model;
  Dataset fresh = rows_of(data, 0, 200);
  EXPECT_FALSE(finding(drift(model, fresh), DriftKind::constant, 2).beyond());
  fresh.floats[2] += 1;
  EXPECT_FALSE(finding(drift(model, fresh), DriftKind::constant, 2).beyond());
  for (std::size_t r = 0; r < 40; ++r) fresh.floats[3 * r + 2] += 1;
  const DriftReport report = drift(model, fresh);
  EXPECT_TRUE(finding(report, DriftKind::constant, 2).beyond());
  EXPECT_NEAR(finding(report, DriftKind::constant, 2).distance, 0.2, 1e-9);
}

TEST(Drift, of_one_row_or_two_is_judged_by_what_they_can_tell) {
  for (const std::size_t rows : {1u, 2u}) {
    Dataset few = rows_of(pool(), 3000, rows);
    const DriftReport usual = drift(trained(), few);
    EXPECT_FALSE(usual.drifted());
    EXPECT_FALSE(usual.notes.empty());
    few.floats[2] = 1000;
    EXPECT_TRUE(drift(trained(), few).drifted());
    for (const DriftFinding& of : usual.findings) EXPECT_TRUE(rows > 1 || of.kind != DriftKind::deviation);
  }
}

TEST(Drift, that_overflows_a_layer_is_beyond_every_threshold) {
  Dataset huge = rows_of(pool(), 3000, 50);
  for (float& number : huge.floats) number = 3e38f;
  const DriftReport report = drift(trained(), huge);
  EXPECT_TRUE(report.drifted());
  for (std::size_t c = 0; c < 3; ++c) EXPECT_TRUE(finding(report, DriftKind::mean, c).beyond());
  EXPECT_TRUE(finding(report, DriftKind::layer_means, 2).beyond());
}

TEST(Drift, counts_rows_by_their_weights) {
  Dataset doubled = rows_of(pool(), 3000, 400), weighted = rows_of(pool(), 3000, 300);
  for (std::size_t r = 0; r < 100; ++r)
    std::copy_n(&weighted.floats[3 * r], 3, &doubled.floats[3 * (300 + r)]);
  weighted.weights.assign(300, 1);
  std::fill_n(weighted.weights.begin(), 100, 2.0f);
  const DriftReport a = drift(trained(), doubled), b = drift(trained(), weighted);
  for (const DriftFinding& of : a.findings)
    EXPECT_NEAR(finding(b, of.kind, of.place).distance, of.distance, 1e-6) << of.name;
  EXPECT_NEAR(b.effective_rows, 400.0 * 400 / 600, 1e-6);
}

TEST(Drift, thresholds_go_where_the_statistics_change_and_columns_stay_where_layers_fold) {
  EXPECT_FALSE(with_population_statistics(trained(), rows_of(pool(), 0, 300)).drift.has_value());
  EXPECT_FALSE(first_layers(trained(), 2).drift.has_value());
  const Model folded = fold(trained());
  ASSERT_TRUE(folded.drift.has_value());
  EXPECT_TRUE(folded.drift->layers.empty());
  EXPECT_EQ(folded.drift->columns, trained().drift->columns);
  Dataset moved = rows_of(pool(), 2000, 600);
  EXPECT_FALSE(drift(folded, moved).drifted());
  for (std::size_t r = 0; r < moved.rows; ++r) moved.floats[3 * r + 2] += 0.5f;
  EXPECT_TRUE(drift(folded, moved).drifted());
}

TEST(Drift, thresholds_can_be_learned_from_other_rows) {
  TrainOptions options = small_options();
  options.valid_fraction = 0;
  const Model model = train(training_rows(), options).model;
  const DriftThresholds learned = learn_drift_thresholds(model, rows_of(pool(), 1500, 1000));
  const DriftReport report = drift(model, rows_of(pool(), 2500, 500), {.reference = learned});
  EXPECT_EQ(report.source, ThresholdSource::reference);
  EXPECT_FALSE(report.drifted());
  EXPECT_THROW(learn_drift_thresholds(model, rows_of(pool(), 0, 31)), Error);
  TrainOptions other = options;
  other.hidden = {5};
  const Model small = train(training_rows(), other).model;
  EXPECT_THROW(drift(small, rows_of(pool(), 0, 100), {.reference = learned}), Error);
}

TEST(Drift, of_a_model_without_statistics_or_of_no_rows_is_refused) {
  TrainOptions options = small_options();
  options.standardise = false;
  options.batch_norm = false;
  const Model bare = train(training_rows(), options).model;
  EXPECT_FALSE(bare.drift.has_value());
  EXPECT_THROW(drift(bare, rows_of(pool(), 0, 100)), Error);
  EXPECT_THROW(drift(trained(), rows_of(pool(), 0, 0)), Error);
}

}  // namespace
}  // namespace ztilde
