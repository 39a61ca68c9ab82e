#include "lab/judge.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace ztilde::lab {
namespace {

using Is = Threshold::Is;

Verdict verdict_of(const std::vector<Threshold>& thresholds, const std::vector<double>& values) {
  return judge(thresholds, values).verdict;
}

TEST(Verdicts, turn_at_their_thresholds) {
  const double below = std::nextafter(3.0, 0.0), above = std::nextafter(3.0, 4.0);
  struct Case {
    Is is;
    bool below, at, above;
  };
  for (const Case& each : {Case{Is::at_least, false, true, true}, Case{Is::above, false, false, true},
                           Case{Is::at_most, true, true, false}, Case{Is::below, true, false, false}}) {
    const Threshold threshold{.label = "x", .is = each.is, .bound = 3};
    EXPECT_EQ(is_met(threshold, below), each.below) << words(threshold);
    EXPECT_EQ(is_met(threshold, 3), each.at) << words(threshold);
    EXPECT_EQ(is_met(threshold, above), each.above) << words(threshold);
  }
  const Threshold within{.label = "x", .is = Is::within, .bound = 3, .reach = 0.5};
  EXPECT_TRUE(is_met(within, 2.5));
  EXPECT_TRUE(is_met(within, 3.5));
  EXPECT_FALSE(is_met(within, 2.49));
  EXPECT_FALSE(is_met(within, 3.51));
}

TEST(Verdicts, need_every_threshold) {
  const std::vector<Threshold> two = {{.label = "a", .is = Is::at_least, .bound = 1},
                                      {.label = "b", .is = Is::below, .bound = 1}};
  EXPECT_EQ(verdict_of(two, {1, 0.5}), Verdict::reproduced);
  EXPECT_EQ(verdict_of(two, {0.9, 0.5}), Verdict::not_reproduced);
  EXPECT_EQ(verdict_of(two, {1, 1}), Verdict::not_reproduced);
}

TEST(Verdicts, what_could_not_be_measured_is_not_met) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Is is : {Is::at_least, Is::above, Is::at_most, Is::below, Is::within}) {
    const std::vector<Threshold> one = {{.label = "a", .is = is, .bound = 1, .reach = 1, .beyond = 1}};
    EXPECT_EQ(verdict_of(one, {nan}), Verdict::not_reproduced);
    EXPECT_EQ(judge(one, std::vector{nan}).numbers[0].value, "not measured");
  }
}

TEST(Verdicts, are_beyond_where_the_claim_is_exceeded_and_nowhere_else) {
  const std::vector<Threshold> two = {{.label = "a", .is = Is::at_least, .bound = 3, .beyond = 10},
                                      {.label = "b", .is = Is::below, .bound = 1}};
  EXPECT_EQ(verdict_of(two, {9.9, 0}), Verdict::reproduced);
  EXPECT_EQ(verdict_of(two, {10, 0}), Verdict::beyond);
  EXPECT_EQ(verdict_of(two, {10, 1}), Verdict::not_reproduced);
  // Without a bound for it there is nothing beyond.
  EXPECT_EQ(verdict_of({{.label = "a", .is = Is::at_least, .bound = 3}}, {1e9}), Verdict::reproduced);
}

TEST(Verdicts, show_values_and_thresholds_alike) {
  const std::vector<Threshold> one = {
      {.label = "gap", .is = Is::within, .bound = 1.24, .reach = 0.3, .format = "{:.2f} %"}};
  const auto number = judge(one, std::vector{1.3}).numbers[0];
  EXPECT_EQ(number.label, "gap");
  EXPECT_EQ(number.value, "1.30 %");
  EXPECT_EQ(number.threshold, "1.24 % ± 0.30 %");
  EXPECT_TRUE(number.met);
}

TEST(Experiments, say_all_that_the_page_needs) {
  std::set<std::string> names;
  for (const Experiment& each : experiments()) {
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
    for (const std::string& text : {each.title, each.claim, each.source, each.about})
      EXPECT_FALSE(text.empty()) << each.name;
    EXPECT_FALSE(each.thresholds.empty()) << each.name;
    EXPECT_GT(each.seconds, 0) << each.name;
    EXPECT_GT(each.quick_seconds, 0) << each.name;
    EXPECT_NE(each.run, nullptr) << each.name;
  }
}

}  // namespace
}  // namespace ztilde::lab
