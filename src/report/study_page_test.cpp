// The page of a search: from all that a study may hold, and from as little.
#include "report/study_page.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "report/blocks.hpp"
#include "report/study_sections.hpp"
#include "search/sample_study_test_support.hpp"

namespace ztilde::report {
namespace {

using search::StudyContents;
using search::Trial;
using search::TrialState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> section_names(const Json& page) {
  std::vector<std::string> names;
  for (const Json& each : page["sections"]) names.push_back(each["id"]);
  return names;
}

const Json& section_of(const Json& page, const std::string& id) {
  for (const Json& each : page["sections"])
    if (each["id"] == id) return each;
  throw std::out_of_range(id);
}

std::vector<Json> blocks_of(const Json& section, const std::string& type) {
  std::vector<Json> blocks;
  for (const Json& block : section["blocks"])
    if (block["type"] == type) blocks.push_back(block);
  return blocks;
}

std::string figure(const Json& section, const std::string& label) {
  const Json items = blocks_of(section, "figures").at(0)["items"];
  for (const Json& item : items)
    if (item["label"] == label) return item["value"];
  return "no such figure";
}

// One finished trial of one option and no more.
StudyContents least_study() {
  StudyContents study;
  study.plan.epochs = 1;
  study.plan.dimensions = {*search::dimension_of("--lr", "1e-4..1e-1:log")};
  Trial trial;
  trial.options = {{"--lr", "0.01"}};
  trial.state = TrialState::finished;
  trial.curve.emplace_back();
  trial.curve.back().epoch = 1;
  trial.curve.back().valid_loss = 0.5;
  study.trials = {trial};
  return study;
}

TEST(StudyPage, answers_in_order_what_came_out_which_options_matter_and_how_wide_the_good_region_is) {
  const Json page = study_page(search::sample_study());
  EXPECT_EQ(page["title"], "A search on adult.csv");
  EXPECT_EQ(page["subtitle"], "32,561 rows, 14 columns, 2 classes · 6 options searched · 27 epochs a trial");
  EXPECT_THAT(section_names(page), ElementsAre("outcome", "options", "region", "trials", "again"));
}

TEST(StudyPage, shows_the_best_beside_the_defaults) {
  const StudyContents study = search::sample_study();
  const Trial& best = study.trials[*search::best_trial(study)];
  const Json page = study_page(study);
  const Json& outcome = section_of(page, "outcome");
  EXPECT_EQ(figure(outcome, "trials"), "60");
  EXPECT_EQ(figure(outcome, "lowest validation loss"), fmt::format("{:.4f}", *best.loss()));
  EXPECT_EQ(figure(outcome, "loss of the defaults"), fmt::format("{:.4f}", *study.trials[0].loss()));
  EXPECT_THAT(outcome["lead"], HasSubstr(fmt::format("The best is trial {}", best.number)));
  EXPECT_THAT(outcome["lead"], HasSubstr("% lower than the defaults"));
  const Json table = blocks_of(outcome, "table").at(0);
  EXPECT_EQ(table["rows"][0], Json::array({"lr", text_of(best, "--lr"), "0.002", "1e-4..1:log"}));
}

TEST(StudyPage, the_best_so_far_never_rises_and_ends_at_the_best) {
  const StudyContents study = search::sample_study({.trials = 200});
  const Json page = study_page(study);
  const std::vector<Json> charts = blocks_of(section_of(page, "outcome"), "chart");
  ASSERT_EQ(charts.size(), 2u);
  for (const Json& chart : charts) {
    const Json& points = chart["config"]["data"]["datasets"][0]["data"];
    for (std::size_t i = 1; i < points.size(); ++i) {
      EXPECT_LE(points[i]["y"], points[i - 1]["y"]);
      EXPECT_GE(points[i]["x"], points[i - 1]["x"]);
    }
    EXPECT_NEAR(points.back()["y"].get<double>(), *study.trials[*search::best_trial(study)].loss(), 1e-6);
  }
}

TEST(StudyPage, has_a_picture_of_every_option_with_the_axis_that_it_was_drawn_on) {
  const Json page = study_page(search::sample_study());
  const std::vector<Json> charts = blocks_of(section_of(page, "options"), "chart");
  std::vector<std::string> labels;
  for (const Json& chart : charts)
    labels.push_back(chart["config"]["options"]["scales"]["x"]["title"]["text"]);
  EXPECT_THAT(labels, ElementsAre("--lr", "--batch", "--weight-decay", "--hidden, width", "--hidden, layers",
                                  "--dropout", "--norm"));
  const auto scale = [&](std::size_t i) { return charts[i]["config"]["options"]["scales"]["x"]; };
  EXPECT_EQ(scale(0)["type"], "logarithmic");
  EXPECT_EQ(scale(1)["format"], Json::array({"64", "256", "1024"}));
  EXPECT_EQ(scale(5)["type"], "linear");
}

TEST(StudyPage, cuts_results_far_above_the_others_and_says_so) {
  StudyContents study = search::sample_study({.stops_early = false});
  const std::string before = json_line(study_page(study));
  EXPECT_THAT(before, Not(HasSubstr("at the upper edge")));
  study.trials[5].curve.back().valid_loss = 1e6;
  const Json page = study_page(study);
  const Json chart = blocks_of(section_of(page, "options"), "chart").at(0);
  EXPECT_THAT(chart["note"], HasSubstr("1 result above"));
  for (const Json& dataset : chart["config"]["data"]["datasets"]) {
    for (const Json& point : dataset["data"]) EXPECT_LT(point["y"].get<double>(), 2);
  }
}

TEST(StudyPage, parallel_lines_lead_from_the_best_to_those_that_diverged) {
  const StudyContents study = search::sample_study();
  const Json page = study_page(study);
  const Json block = blocks_of(section_of(page, "options"), "parallel").at(0);
  EXPECT_EQ(block["axes"].size(), 7u);
  EXPECT_EQ(block["lines"].size(), study.trials.size());
  EXPECT_EQ(block["best"], 0);
  EXPECT_EQ(block["lines"][0]["name"], fmt::format("trial {}", *search::best_trial(study)));
  const std::size_t broken = count_of(study, TrialState::diverged);
  ASSERT_GT(broken, 0u);
  for (std::size_t i = 0; i < study.trials.size(); ++i) {
    const Json& line = block["lines"][i];
    EXPECT_EQ(line["values"].size(), 7u);
    EXPECT_EQ(line["result"].is_null(), i >= study.trials.size() - broken);
    if (i > 0 && line["result"].is_number()) {
      EXPECT_GE(line["result"], block["lines"][i - 1]["result"]);
    }
  }
}

TEST(StudyPage, compares_the_good_regions_with_and_without_batch_norm) {
  const StudyContents study = search::sample_study();
  const auto region = *search::good_region(study);
  const Json page = study_page(study);
  const Json& section = section_of(page, "region");
  EXPECT_EQ(figure(section, "good, with batch norm"),
            fmt::format("{:.0f} %", 100 * region.groups[0].share()));
  EXPECT_THAT(section["lead"], HasSubstr("Batch norm widens the good region here"));
  EXPECT_THAT(section["lead"], HasSubstr("All are judged after epoch 3 of 27, as some"));
  const std::vector<Json> maps = blocks_of(section, "heatmap");
  ASSERT_EQ(maps.size(), 2u);
  EXPECT_THAT(maps[0]["title"], HasSubstr("With batch norm"));
  EXPECT_THAT(maps[1]["title"], HasSubstr("Without batch norm"));
  EXPECT_EQ(maps[0]["y"]["ticks"][0], "1024") << "the largest on top";
}

TEST(StudyPage, says_when_there_are_too_few_trials_to_compare) {
  const Json page = study_page(search::sample_study({.trials = 12}));
  EXPECT_THAT(section_of(page, "region")["lead"], HasSubstr("too few to say how wide"));
  // Two regions of the same width.
  StudyContents alike = search::sample_study({.trials = 40, .stops_early = false});
  for (Trial& trial : alike.trials) {
    trial.state = TrialState::finished;
    trial.curve.resize(27);
    for (search::TrialPoint& point : trial.curve) point.valid_accuracy = trial.number % 2 == 0 ? 0.9 : 0.5;
  }
  const Json other = study_page(alike);
  EXPECT_THAT(section_of(other, "region")["lead"], HasSubstr("to say which is wider"));
}

TEST(StudyPage, shows_numbers_by_their_rmse) {
  const StudyContents study =
      search::sample_study({.task = Task::regress, .searches_norm = false, .stops_early = false});
  const Json page = study_page(study);
  const Trial& best = study.trials[*search::best_trial(study)];
  EXPECT_EQ(figure(section_of(page, "outcome"), "lowest validation rmse"),
            fmt::format("{:.4f}", *best.curve.back().valid_rmse));
  const Json& region = section_of(page, "region");
  EXPECT_THAT(region["lead"], HasSubstr("of the space is good"));
  EXPECT_THAT(json_line(region), HasSubstr("within 10 % of the lowest validation rmse"));
  EXPECT_EQ(blocks_of(region, "heatmap").size(), 1u);
}

TEST(StudyPage, makes_do_with_the_loss_alone) {
  const Json page = study_page(search::sample_study({.of_numbers_only = true}));
  EXPECT_THAT(json_line(page), HasSubstr("within 10 % of the lowest validation loss"));
  EXPECT_THAT(json_line(page), Not(HasSubstr("accuracy")));
}

TEST(StudyPage, of_no_trials_and_of_one_is_still_a_page) {
  const Json none = study_page(search::sample_study({.trials = 0}));
  EXPECT_THAT(section_names(none), ElementsAre("outcome", "again"));
  EXPECT_THAT(section_of(none, "outcome")["lead"], HasSubstr("No trial is finished"));
  EXPECT_THAT(json_line(none), Not(HasSubstr("search best")));
  const Json one = study_page(least_study());
  EXPECT_THAT(section_names(one), ElementsAre("outcome", "trials", "again"));
  EXPECT_EQ(one["title"], "A search");
  EXPECT_THAT(json_line(one), HasSubstr("ztilde search best STUDY --out model.ztilde"));
  EXPECT_THAT(html(one), HasSubstr("<!doctype html>"));
}

TEST(StudyPage, of_a_search_that_goes_on_says_so) {
  StudyContents study = search::sample_study({.trials = 8});
  study.trials_asked = 40;
  study.trials[7].state = TrialState::running;
  const Json page = study_page(study);
  EXPECT_THAT(section_of(page, "outcome")["lead"],
              HasSubstr("not at its end: 1 trial is running or waiting"));
  EXPECT_THAT(json_line(page), HasSubstr("1 running; 40 asked for"));
}

TEST(StudyPage, of_trials_that_all_diverged_says_why) {
  StudyContents study = search::sample_study({.trials = 25});
  for (Trial& trial : study.trials) {
    trial.state = TrialState::diverged;
    trial.message = "<b>batches</b> of 1\n row";
  }
  const Json page = study_page(study);
  EXPECT_THAT(section_names(page), ElementsAre("outcome", "trials", "again"));
  const Json why = blocks_of(section_of(page, "trials"), "table").at(1);
  EXPECT_EQ(why["rows"].size(), 20u);
  EXPECT_THAT(why["title"], HasSubstr("the first 20 of 25"));
  EXPECT_EQ(why["rows"][0][1], "<b>batches</b> of 1\\n row");
}

TEST(StudyPage, ranks_finalists_by_their_folds) {
  StudyContents study = search::sample_study({.trials = 30, .stops_early = false});
  std::vector<std::size_t> finalists;
  for (const Trial& trial : study.trials)
    if (trial.state == TrialState::finished && finalists.size() < 2) finalists.push_back(trial.number);
  study.trials[finalists[0]].folds_loss = 0.7;
  study.trials[finalists[0]].fold_losses = {0.6, 0.8};
  study.trials[finalists[1]].folds_loss = 0.65;
  study.trials[finalists[1]].fold_losses = {0.6, 0.7};
  const Json page = study_page(study);
  EXPECT_THAT(section_of(page, "outcome")["lead"], HasSubstr("by the mean loss over folds"));
  const Json table = blocks_of(section_of(page, "outcome"), "table").at(1);
  EXPECT_EQ(table["rows"][0][0], fmt::format("{}", finalists[1]));
  EXPECT_EQ(table["rows"][0][3], "0.6000, 0.7000");
  EXPECT_EQ(blocks_of(section_of(page, "trials"), "table").at(0)["rows"][0][0],
            fmt::format("{}", finalists[1]));
}

TEST(StudyPage, makes_do_with_texts_and_numbers_of_other_kinds) {
  StudyContents study = search::sample_study({.trials = 30});
  study.plan.dimensions.push_back({.option = "-", .kind = search::DimensionKind::choice, .choices = {"<u>"}});
  study.trials[3].options.clear();
  study.trials[4].options = {{"--lr", "</script>"}, {"--hidden", ",,,"}, {"--norm", "\xff"}};
  study.trials[5].state = TrialState::finished;
  study.trials[5].curve.resize(1);
  study.trials[5].curve[0].valid_loss = NAN;
  study.trials[6].curve.clear();
  study.trials[6].state = TrialState::paused;
  const std::string file = html(study_page(study));
  EXPECT_THAT(file, HasSubstr("<!doctype html>"));
  EXPECT_EQ(file.find("</script>\""), file.npos);
}

TEST(StudyPage, of_thousands_of_trials_stays_small_and_says_what_it_leaves_out) {
  StudyContents study = search::sample_study({.trials = 300, .stops_early = false});
  const std::size_t count = study.trials.size();
  for (std::size_t t = count; t < 5000; ++t) {
    study.trials.push_back(study.trials[1 + t % (count - 1)]);
    study.trials.back().number = t;
  }
  const Json page = study_page(study);
  EXPECT_LT(html(page).size(), 1000000u);
  EXPECT_THAT(json_line(page), HasSubstr("The first 200 of 5,000 trials"));
  EXPECT_THAT(json_line(page), HasSubstr("of 5000 trials: the best of those with a result"));
}

TEST(Blocks, a_parallel_picture_holds_axes_and_lines) {
  Parallel picture = {
      .title = "t",
      .alt = "a",
      .axes = {{.label = "rate", .least = 1, .most = 10, .logarithmic = true},
               {.label = "norm", .choices = {"x", "y"}}},
      .lines = {{"trial 1", {2, 0}, 0.1 + 0.2}, {"trial 2", {3, 1}, std::nullopt, "diverged"}},
      .scale = {.label = "loss"}};
  const Json block = parallel(picture);
  EXPECT_FALSE(block.contains("best"));
  EXPECT_FALSE(block["axes"][0].contains("choices"));
  EXPECT_EQ(block["axes"][1]["choices"], Json::array({"x", "y"}));
  EXPECT_EQ(block["lines"][0]["result"], 0.3) << "rounded";
  EXPECT_TRUE(block["lines"][1]["result"].is_null());
  EXPECT_EQ(block["lines"][1]["state"], "diverged");
}

}  // namespace
}  // namespace ztilde::report
