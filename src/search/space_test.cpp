#include "search/space.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "base/test_support.hpp"

namespace ztilde::search {
namespace {

Dimension searched(const std::string& option, const std::string& text) {
  const std::optional<Dimension> dimension = dimension_of(option, text);
  EXPECT_TRUE(dimension) << option << " " << text;
  return dimension.value_or(Dimension{});
}

StudyPlan plan_of(const OptionTexts& ranges, std::uint64_t seed = 1) {
  StudyPlan plan;
  plan.seed = seed;
  for (const auto& [option, text] : ranges) plan.dimensions.push_back(searched(option, text));
  return plan;
}

double number(const std::string& text) {
  double value = NAN;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string refusal(const std::string& option, const std::string& text) {
  const TemporaryFolder folder;
  return failure(folder, [&] { (void)dimension_of(option, text); });
}

TEST(Space, a_range_is_even_unless_it_says_log) {
  const Dimension dropout = searched("--dropout", "0..0.5");
  EXPECT_EQ(dropout.kind, DimensionKind::real);
  EXPECT_EQ(dropout.least, 0);
  EXPECT_EQ(dropout.most, 0.5);
  const Dimension rate = searched("--lr", "1e-4..1e-1:log");
  EXPECT_EQ(rate.kind, DimensionKind::logarithmic);
  EXPECT_EQ(rate.least, 1e-4);
  EXPECT_EQ(rate.most, 1e-1);
  EXPECT_EQ(rate.text, "1e-4..1e-1:log");
  EXPECT_EQ(searched("--batch", "16..512").kind, DimensionKind::whole);
  EXPECT_FALSE(searched("--batch", "16..512").logarithmic_whole);
  EXPECT_TRUE(searched("--batch", "16..512:log").logarithmic_whole);
}

TEST(Space, a_list_is_a_choice_and_of_hidden_layers_one_value) {
  EXPECT_EQ(searched("--batch", "64,256").choices, (std::vector<std::string>{"64", "256"}));
  EXPECT_EQ(searched("--norm", "batch,none").kind, DimensionKind::choice);
  EXPECT_FALSE(dimension_of("--hidden", "64,256"));
  EXPECT_EQ(searched("--hidden", "64,64|128|none").choices,
            (std::vector<std::string>{"64,64", "128", "none"}));
}

TEST(Space, layers_have_a_range_of_widths_and_one_of_depths) {
  const Dimension layers = searched("--hidden", "64..512x1..4");
  EXPECT_EQ(layers.kind, DimensionKind::layers);
  EXPECT_EQ(layers.least, 64);
  EXPECT_EQ(layers.most, 512);
  EXPECT_EQ(layers.least_layers, 1u);
  EXPECT_EQ(layers.most_layers, 4u);
  EXPECT_EQ(searched("--hidden", "256x1..4").most, 256);
  EXPECT_EQ(searched("--hidden", "64..512x3").least_layers, 3u);
}

TEST(Space, plain_values_and_options_of_no_network_are_not_searched) {
  for (const auto& [option, text] : OptionTexts{{"--lr", "0.01"},
                                                {"--norm", "batch"},
                                                {"--hidden", "none"},
                                                {"--target", "a,b"},
                                                {"--net", "../a..b.json"},
                                                {"--class-weights", "a=1,b=2"},
                                                {"--epochs", "20"}})
    EXPECT_FALSE(dimension_of(option, text)) << option;
}

TEST(Space, what_is_no_range_is_refused_with_one_that_is) {
  EXPECT_EQ(refusal("--lr", "1e-1..1e-4:log"), "data: --lr: 1e-1 is not below 1e-4; write 1e-4..1e-1:log");
  EXPECT_EQ(
      refusal("--lr", "0..1:log"),
      "data: --lr: a logarithm needs numbers above 0, and '0..1:log' begins at 0; write 1e-4..1e-1:log");
  EXPECT_EQ(refusal("--lr", "a..b"), "data: --lr: 'a..b' is no range of numbers; write 1e-4..1e-1:log");
  EXPECT_EQ(refusal("--lr", "1..2:lin"),
            "data: --lr: '1..2:lin' is no range of numbers; write 1e-4..1e-1:log");
  EXPECT_EQ(refusal("--lr", "0.1:log"), "data: --lr: '0.1:log' is no range; write 1e-4..1e-1:log");
  EXPECT_EQ(refusal("--lr", "0..inf"), "data: --lr: '0..inf' is no range of numbers; write 1e-4..1e-1:log");
  EXPECT_EQ(refusal("--batch", "1.5..8"),
            "data: --batch: '1.5..8' is no range of whole numbers; write 64,256,1024");
  EXPECT_EQ(refusal("--batch", "64,,8"), "data: --batch: '64,,8' has an empty value; write 64,256,1024");
  EXPECT_EQ(refusal("--norm", "none,none"), "data: --norm: 'none' stands twice; write batch,none");
  EXPECT_EQ(refusal("--hidden", "64..512"),
            "data: --hidden: '64..512' does not say how many layers; write 64..512x1..4");
  EXPECT_EQ(refusal("--hidden", "0..512x1..4"),
            "data: --hidden: layers and their widths are from 1; write 64..512x1..4");
  EXPECT_EQ(refusal("--epochs", "5..20"),
            "data: --epochs: is the same for all trials, which could not be compared else; give one value");
}

RC_GTEST_PROP(Space, any_text_is_a_dimension_or_none_or_an_error_line, ()) {
  const auto text =
      *rc::gen::container<std::string>(rc::gen::elementOf(std::string("0123456789.:,|xe-log ")));
  const auto option = *rc::gen::elementOf(std::vector<std::string>{"--lr", "--batch", "--hidden", "--norm"});
  try {
    const std::optional<Dimension> dimension = dimension_of(option, text);
    if (!dimension) return;
    StudyPlan plan;
    plan.dimensions = {*dimension};
    for (std::size_t trial = 0; trial < 5; ++trial)
      RC_ASSERT(contains(*dimension, options_of(plan, trial).front().second));
  } catch (const Error& error) {
    RC_ASSERT(std::string(error.what()).starts_with(option + ": "));
    RC_ASSERT(std::string(error.what()).find('\n') == std::string::npos);
  }
}

RC_GTEST_PROP(Space, every_point_lies_in_its_ranges, (std::uint64_t seed, std::uint16_t trial)) {
  const double least = *rc::gen::map(rc::gen::inRange(1, 1000), [](int n) { return n * 1e-4; });
  const double most = least * *rc::gen::inRange(2, 1000);
  const StudyPlan plan = plan_of({{"--lr", fmt::format("{}..{}:log", least, most)},
                                  {"--clip", fmt::format("{}..{}", least, most)},
                                  {"--batch", "3..70"},
                                  {"--warmup", "1..9:log"},
                                  {"--hidden", "5..9x2..3"}},
                                 seed);
  const OptionTexts options = options_of(plan, trial);
  RC_ASSERT(options.size() == plan.dimensions.size());
  for (std::size_t i = 0; i < options.size(); ++i) {
    RC_ASSERT(options[i].first == plan.dimensions[i].option);
    RC_ASSERT(contains(plan.dimensions[i], options[i].second));
  }
}

TEST(Space, real_values_have_four_digits_and_read_as_themselves) {
  const StudyPlan plan = plan_of({{"--lr", "1e-4..1e-1:log"}});
  for (std::size_t trial = 0; trial < 50; ++trial) {
    const std::string text = options_of(plan, trial).front().second;
    EXPECT_EQ(fmt::format("{:.4g}", number(text)),
              fmt::format("{:.4g}", number(fmt::format("{:.4g}", number(text)))));
    EXPECT_EQ(number(fmt::format("{:.4g}", number(text))), number(text)) << text;
  }
}

TEST(Space, a_point_depends_on_seed_and_number_alone) {
  const OptionTexts ranges = {{"--lr", "1e-4..1e-1:log"}, {"--batch", "64,256,1024"}};
  const StudyPlan plan = plan_of(ranges);
  StudyPlan longer = plan;
  longer.epochs = 99;
  EXPECT_EQ(options_of(plan, 7), options_of(longer, 7));
  EXPECT_NE(options_of(plan, 7), options_of(plan, 8));
  EXPECT_NE(options_of(plan, 7), options_of(plan_of(ranges, 2), 7));
  EXPECT_NE(training_seed(plan, 7), training_seed(plan, 8));
  EXPECT_NE(training_seed(plan, 7), training_seed(plan_of(ranges, 2), 7));
}

// The reproducibility contract: a study made by another build of this format goes on with the same points.
TEST(Space, points_are_those_of_before) {
  const StudyPlan plan =
      plan_of({{"--lr", "1e-4..1e-1:log"}, {"--hidden", "64..512x1..4"}, {"--norm", "batch,none"}});
  EXPECT_EQ(options_of(plan, 5),
            (OptionTexts{{"--lr", "0.0592"}, {"--hidden", "241,241,241"}, {"--norm", "none"}}));
  EXPECT_EQ(training_seed(plan, 5), 13675904500156889249u);
}

TEST(Space, whole_numbers_and_layers_come_evenly) {
  const StudyPlan plan = plan_of({{"--batch", "1..4"}, {"--hidden", "10x1..4"}, {"--norm", "batch,none"}});
  std::map<std::string, int> batches, layers, norms;
  for (std::size_t trial = 0; trial < 64; ++trial) {
    const OptionTexts options = options_of(plan, trial);
    ++batches[options[0].second];
    ++layers[options[1].second];
    ++norms[options[2].second];
  }
  for (const char* batch : {"1", "2", "3", "4"}) EXPECT_EQ(batches[batch], 16) << batch;
  for (const char* hidden : {"10", "10,10", "10,10,10", "10,10,10,10"})
    EXPECT_EQ(layers[hidden], 16) << hidden;
  EXPECT_EQ(norms["batch"], 32);
}

TEST(Space, half_of_a_logarithmic_range_lies_below_its_geometric_middle) {
  const StudyPlan plan = plan_of({{"--lr", "1e-4..1:log"}, {"--batch", "1..10000:log"}});
  int small_rates = 0, small_batches = 0;
  for (std::size_t trial = 0; trial < 64; ++trial) {
    const OptionTexts options = options_of(plan, trial);
    small_rates += number(options[0].second) < 1e-2;
    small_batches += number(options[1].second) < 80;  // sqrt(0.5 · 10000.5) = 70.7
  }
  EXPECT_EQ(small_rates, 32);
  EXPECT_NEAR(small_batches, 32, 1);
}

TEST(Space, trial_0_is_the_defaults_where_they_lie_in_the_space) {
  StudyPlan plan =
      plan_of({{"--lr", "1e-4..1e-1:log"}, {"--hidden", "64..512x1..4"}, {"--batch", "512,1024"}}, 9);
  const std::string drawn_batch = options_of(plan, 0)[2].second;
  plan.first = first_options(plan, {{"--batch", "256"}, {"--hidden", "256,256"}, {"--lr", "0.002"}});
  EXPECT_EQ(options_of(plan, 0),
            (OptionTexts{{"--lr", "0.002"}, {"--hidden", "256,256"}, {"--batch", drawn_batch}}));
  EXPECT_EQ(training_seed(plan, 0), 9u);
  StudyPlan drawn = plan;
  drawn.first.clear();
  EXPECT_EQ(options_of(plan, 1), options_of(drawn, 1));
}

TEST(Space, contains_knows_layers_of_one_width) {
  const Dimension layers = searched("--hidden", "64..512x1..2");
  EXPECT_TRUE(contains(layers, "64"));
  EXPECT_TRUE(contains(layers, "512,512"));
  for (const char* text : {"63", "513", "64,128", "64,64,64", "none", "", "64,"})
    EXPECT_FALSE(contains(layers, text)) << text;
}

TEST(Space, the_standard_space_has_the_defaults_in_it) {
  const std::vector<Dimension> space =
      default_space({.learning_rate = 0.002, .weight_decay = 0.01, .batch = 256});
  const OptionTexts standards = {{"--lr", "0.002"},
                                 {"--batch", "256"},
                                 {"--weight-decay", "0.01"},
                                 {"--hidden", "256,256"},
                                 {"--dropout", "0"}};
  ASSERT_EQ(space.size(), standards.size());
  for (std::size_t i = 0; i < space.size(); ++i) {
    EXPECT_EQ(space[i].option, standards[i].first);
    EXPECT_TRUE(contains(space[i], standards[i].second)) << space[i].option;
  }
  EXPECT_EQ(default_space({.is_network = true}).size(), 3u);
}

}  // namespace
}  // namespace ztilde::search
