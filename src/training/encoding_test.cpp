#include "training/encoding.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.hpp"
#include "ztilde/error.hpp"
#include "ztilde/train.hpp"

namespace ztilde {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

EncodedColumn number(MissingValue missing, std::size_t knots = 0) {
  return {Encoding::numeric, 0, 0, missing, knots};
}

Column categorical(std::size_t categories) {
  return {"", ColumnKind::categorical, std::vector<std::string>(categories)};
}

// The fixed numbers of a network of these columns over these rows.
struct Measured {
  Network network;
  std::vector<double> statistics;
  std::vector<std::size_t> without;

  Measured(std::vector<EncodedColumn> columns, const std::vector<float>& x,
           const std::vector<float>& weights = {}, std::size_t threads = 2)
      : network{columns.size(), {Encode{std::move(columns)}, Dense{1}}} {
    statistics.resize(statistic_arena_size(network));
    Team team(threads);
    const Batch batch{{nullptr, x.data(), network.inputs},
                      nullptr,
                      x.size() / network.inputs,
                      nullptr,
                      weights.empty() ? nullptr : weights.data()};
    without = measure_encoding(network, batch, team, statistics);
  }
  std::vector<double> numbers(std::size_t column, std::string_view name) const {
    for (const EncodingSlot& slot : encoding_slots(network)) {
      if (slot.column != column || slot.name != name) continue;
      const auto first = statistics.begin() + static_cast<std::ptrdiff_t>(slot.offset);
      return {first, first + static_cast<std::ptrdiff_t>(slot.size)};
    }
    return {};
  }
};

TEST(encode_for, few_categories_are_one_hot_and_many_have_a_table) {
  const std::vector<Column> columns = {Column{}, categorical(16), categorical(17)};
  const auto encode = encode_for(columns, {false, false, false}, {});
  ASSERT_TRUE(encode);
  EXPECT_EQ(encode->columns[0], EncodedColumn{});
  EXPECT_EQ(encode->columns[1], (EncodedColumn{Encoding::one_hot, 16, 0, MissingValue::none, 0}));
  EXPECT_EQ(encode->columns[2], (EncodedColumn{Encoding::embedding, 17, 8, MissingValue::none, 0}));
  EXPECT_EQ(encode_for(columns, {false, false, false}, {.one_hot_most = 0})->columns[1].width, 8u);
}

TEST(encode_for, numbers_that_need_nothing_need_no_layer) {
  EXPECT_FALSE(encode_for(std::vector<Column>(3), {false, false, false}, {}));
}

TEST(encode_for, an_indicator_stands_only_where_numbers_are_missing) {
  const auto encode = encode_for(std::vector<Column>(2), {false, true}, {.missing = MissingUse::indicator});
  EXPECT_EQ(encode->columns[0].missing, MissingValue::mean);
  EXPECT_EQ(encode->columns[1].missing, MissingValue::indicator);
}

TEST(encode_for, tables_are_wider_for_more_categories_up_to_a_limit) {
  EXPECT_EQ(embedding_width(1), 2u);
  EXPECT_EQ(embedding_width(100), 21u);
  EXPECT_EQ(embedding_width(1'000'000), 50u);
}

TEST(measure_encoding, a_missing_number_becomes_the_mean_of_the_known_ones) {
  const Measured measured({number(MissingValue::mean), number(MissingValue::mean)},
                          {1, kMissing, kMissing, kMissing, 4, kMissing});
  EXPECT_EQ(measured.numbers(0, "fill"), std::vector<double>{2.5});
  EXPECT_EQ(measured.numbers(1, "fill"), std::vector<double>{0});
  EXPECT_EQ(measured.without, std::vector<std::size_t>{1});
}

TEST(measure_encoding, frequencies_are_shares_of_the_rows) {
  const Measured measured({{Encoding::one_hot, 2, 0, MissingValue::none, 0}}, {0, 1, 1, 2});
  EXPECT_EQ(measured.numbers(0, "frequency"), (std::vector<double>{0.25, 0.5, 0.25}));
}

TEST(measure_encoding, knots_make_any_distribution_a_normal_one) {
  // Lognormal numbers; through the map they are normal, but for the tails beyond the outer knots.
  std::vector<float> x(20000);
  const RandomStream stream(1, Purpose::initialise, 0, 0);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(std::exp(3 * stream.normal(i)));
  const Measured measured({number(MissingValue::mean, 129)}, x);
  const auto knots = measured.numbers(0, "knots"), values = measured.numbers(0, "values");
  EXPECT_EQ(knots.front(), *std::min_element(x.begin(), x.end()));
  EXPECT_EQ(knots.back(), *std::max_element(x.begin(), x.end()));
  EXPECT_EQ(values[64], 0.0);
  for (std::size_t i = 1; i < knots.size(); ++i) {
    EXPECT_LT(knots[i - 1], knots[i]);
    EXPECT_LT(values[i - 1], values[i]);
  }
  // Knot i is exp(3 z) with z the normal quantile of (i + 1/2)/129, but for the sampling error of the
  // quantile, sqrt(p (1 - p) / n) / density: below 0.03 in z for all but the ends. Three times that.
  for (std::size_t i = 5; i < 124; ++i) EXPECT_NEAR(std::log(knots[i]) / 3, values[i], 0.06) << i;
  EXPECT_NEAR(measured.numbers(0, "fill")[0], 0, 0.02);
}

TEST(measure_encoding, ties_share_their_mean_value_and_a_constant_becomes_0) {
  const Measured constant({number(MissingValue::none, 9)}, {7, 7, 7, 7});
  EXPECT_EQ(constant.numbers(0, "values"), std::vector<double>(9, 0.0));
  const Measured two({number(MissingValue::none, 9)}, {0, 0, 0, 1});
  const auto knots = two.numbers(0, "knots"), values = two.numbers(0, "values");
  // Three quarters of the rows are 0: the knots of shares up to 0.75.
  EXPECT_EQ(knots, (std::vector<double>{0, 0, 0, 0, 0, 0, 0, 1, 1}));
  for (std::size_t i = 1; i < 7; ++i) EXPECT_EQ(values[i], values[0]);
  EXPECT_EQ(values[7], values[8]);
  // The values of all nine are antisymmetric, so the two sums cancel but for rounding.
  EXPECT_NEAR(7 * values[0] + 2 * values[7], 0, 1e-14);
}

TEST(measure_encoding, a_weight_of_two_is_the_row_twice_and_none_is_the_row_left_out) {
  std::vector<float> once, repeated, weights;
  const RandomStream stream(2, Purpose::initialise, 0, 0);
  for (std::uint64_t i = 0; i < 300; ++i) {
    const float numeric = i % 7 == 0 ? kMissing : static_cast<float>(stream.normal(i));
    const auto category = static_cast<float>(i * i % 5);
    weights.push_back(static_cast<float>(i % 3));
    once.insert(once.end(), {numeric, numeric, category});
    for (std::uint64_t n = 0; n < i % 3; ++n) repeated.insert(repeated.end(), {numeric, numeric, category});
  }
  const std::vector<EncodedColumn> columns = {number(MissingValue::mean),
                                              number(MissingValue::mean, 129),
                                              {Encoding::embedding, 4, 2, MissingValue::none, 0}};
  const Measured weighted(columns, once, weights), twice(columns, repeated);
  EXPECT_EQ(weighted.numbers(1, "knots"), twice.numbers(1, "knots"));
  ASSERT_EQ(weighted.statistics.size(), twice.statistics.size());
  // Sums of some hundred terms in double, in another order.
  for (std::size_t i = 0; i < weighted.statistics.size(); ++i)
    EXPECT_NEAR(weighted.statistics[i], twice.statistics[i], 1e-13);
}

TEST(measure_encoding, does_not_depend_on_the_number_of_threads) {
  std::vector<float> x(3000);
  const RandomStream stream(3, Purpose::initialise, 0, 0);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(stream.normal(i));
  const std::vector<EncodedColumn> columns(3, number(MissingValue::indicator, 33));
  EXPECT_EQ(Measured(columns, x, {}, 1).statistics, Measured(columns, x, {}, 4).statistics);
}

TEST(average_unseen, is_the_frequency_weighted_mean_where_training_never_met_one) {
  const EncodedColumn table{Encoding::embedding, 2, 1, MissingValue::none, 0};
  const Network network{2, {Encode{{table, table}}, Dense{1}}};
  const std::vector<double> statistics = {0.25, 0.75, 0, /**/ 0.25, 0.25, 0.5};
  std::vector<float> parameters(parameter_arena_size(network), 0.0f);
  for (const ParameterSlot& slot : parameter_slots(network)) {
    if (!slot.column) continue;
    parameters[slot.offset] = 4;
    parameters[slot.offset + 1] = 8;
    parameters[slot.offset + 2] = 99;
  }
  average_unseen(network, statistics, parameters);
  EXPECT_EQ(parameters[2], 7.0f);
  EXPECT_EQ(parameters[parameter_slots(network)[1].offset + 2], 99.0f);
}

// Whether a row is of class 1 hangs on its category (of 40), on a number, and on that being missing.
Dataset table(std::size_t rows, std::uint64_t seed) {
  Dataset data;
  data.rows = rows;
  data.columns = 3;
  data.column_names = {"shop", "size", "colour"};
  data.column_info = {{"shop", ColumnKind::categorical, std::vector<std::string>(40, "x")},
                      {"size", ColumnKind::numeric, {}},
                      {"colour", ColumnKind::categorical, {"red", "green"}}};
  data.rules.missing = MissingUse::indicator;
  data.classes = {"no", "yes"};
  const RandomStream stream(seed, Purpose::initialise, 0, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto shop = static_cast<std::size_t>(stream.uniform(4 * r) * 40);
    const double size = stream.normal(4 * r + 1);
    const bool missing = stream.uniform(4 * r + 2) < 0.3;
    data.floats.insert(
        data.floats.end(),
        {static_cast<float>(shop), missing ? kMissing : static_cast<float>(size), static_cast<float>(r % 2)});
    data.targets.push_back((shop * 7 % 5 < 2) != (missing || size > 0) ? 1 : 0);
  }
  return data;
}

TrainOptions quick() {
  TrainOptions options;
  options.hidden = {32, 32};
  options.epochs = 30;
  options.batch = 64;
  options.threads = 2;
  return options;
}

TEST(train, learns_from_categories_tables_and_missing_numbers_alike) {
  const Dataset data = table(4000, 1), fresh = table(2000, 2);
  TrainOptions options = quick();
  const TrainResult result = train(data, options);
  // Everything about a row is known, so nothing but too little training keeps it from 1.
  EXPECT_GT(evaluate(result.model, fresh, 2).accuracy, 0.95);
  options.quantile = true;
  EXPECT_GT(evaluate(train(data, options).model, fresh, 2).accuracy, 0.95);
}

TEST(train, a_table_trains_to_the_same_bits_on_any_number_of_threads) {
  const Dataset data = table(700, 3);
  TrainOptions options = quick();
  options.epochs = 2;
  const Model two = train(data, options).model;
  for (const std::size_t threads : {1u, 4u}) {
    options.threads = threads;
    const Model other = train(data, options).model;
    EXPECT_EQ(other.parameters, two.parameters);
    EXPECT_EQ(other.statistics, two.statistics);
    EXPECT_EQ(other.test_outputs, two.test_outputs);
  }
}

TEST(train, an_unseen_category_leaves_its_table_s_mean_in_the_model) {
  const Dataset data = table(700, 3);
  TrainOptions options = quick();
  options.epochs = 2;
  Model model = train(data, options).model;
  const std::vector<float> before = model.parameters;
  average_unseen(model.network, model.statistics, model.parameters);
  EXPECT_EQ(model.parameters, before);
  EXPECT_EQ(outputs(model, {40, 0, 0}, 1).size(), 1u);
}

TEST(train, what_no_column_can_hold_is_refused_by_name) {
  TrainOptions options = quick();
  const auto complaint = [&](const Dataset& data) -> std::string {
    try {
      train(data, options);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  Dataset data = table(100, 4);
  data.floats[3] = 40.5f;
  EXPECT_EQ(
      complaint(data),
      "input 0 (shop) is 40.5 in row 1; it must be the index of one of 40 categories, or 40 for none of "
      "them");
  data.floats[3] = kMissing;
  EXPECT_EQ(complaint(data),
            "input 0 (shop) is nan in row 1; it must be the index of one of 40 categories, or 40 for none of "
            "them");
  data = table(100, 4);
  data.floats[4] = HUGE_VALF;
  EXPECT_EQ(complaint(data), "input 1 (size) is inf in row 1; fill it in or leave the row out");
  data = table(100, 4);
  data.rules.missing = MissingUse::refuse;
  EXPECT_TRUE(complaint(data).starts_with("numbers are missing in 1 column (size "));
  EXPECT_TRUE(complaint(data).ends_with("); give --missing mean or --missing indicator"));
  data.rules.missing = MissingUse::mean;
  options.network = Network{3, {Dense{1}}};
  EXPECT_EQ(
      complaint(data),
      "column shop has 40 categories, the network encodes numbers; begin the network with an encode layer");
}

TEST(train, rows_of_weight_0_are_left_out_to_the_bit) {
  Dataset data = table(600, 6);
  data.weights.assign(600, 1.5f);
  const Dataset rest = table(200, 7);
  Dataset longer = data;
  longer.rows = 800;
  longer.floats.insert(longer.floats.end(), rest.floats.begin(), rest.floats.end());
  longer.targets.insert(longer.targets.end(), rest.targets.begin(), rest.targets.end());
  longer.weights.resize(800, 0.0f);
  TrainOptions options = quick();
  options.epochs = 2;
  options.valid_fraction = 0;
  const Model with = train(longer, options).model, without = train(data, options).model;
  EXPECT_EQ(with.parameters, without.parameters);
  EXPECT_EQ(with.statistics, without.statistics);
  longer.weights.assign(800, 0.0f);
  EXPECT_THROW(train(longer, options), Error);
}

TEST(Predictor, refuses_raw_numbers_that_are_no_categories) {
  TrainOptions options = quick();
  options.epochs = 1;
  const Model model = train(table(300, 5), options).model;
  Predictor predictor(model, 2);
  std::vector<float> out(2);
  predictor.run(std::vector<float>{0, kMissing, 1, 40, 1, 2}, out);
  EXPECT_THROW(predictor.run(std::vector<float>{0, 0, 1, 41, 1, 1}, out), Error);
  EXPECT_THROW(predictor.run(std::vector<float>{0, 0, kMissing, 1, 1, 1}, out), Error);
}

}  // namespace
}  // namespace ztilde
