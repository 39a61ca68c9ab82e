// The page of a training: from all that a log may hold, and from as little.
#include "report/run_page.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "report/series.hpp"
#include "ztilde/error.hpp"

namespace ztilde::report {
namespace {

using testing::HasSubstr;
using testing::Not;

HistoryPoint point(std::uint64_t step, double loss) {
  HistoryPoint result;
  result.step = step;
  result.epoch = step / 10 + 1;
  result.train_loss = loss;
  result.learning_rate = 0.001;
  result.seconds = 0.5 * static_cast<double>(step);
  result.rows_per_second = 1000;
  return result;
}

HistoryPoint point_with_all() {
  HistoryPoint full = point(3, 0.25);
  full.valid_loss = 0.5;
  full.valid_accuracy = 0.75;
  full.valid_rmse = 2;
  NormPoint norm;
  norm.layer = 2;
  norm.z = {-2, 0.5, 3};
  norm.z_tilde = {-1, 0.25, 1};
  norm.gamma = {0.5, 0.75, 1, 1.25, 1.5};
  norm.beta = {-0.5, -0.25, 0, 0.25, 0.5};
  norm.dead = 0.125;
  norm.saturated = 0.25;
  norm.mean_distance = {0.1, 0.2};
  norm.variance_ratio = {1.1, 1.5};
  full.norms = {norm};
  full.time = TimeSplit{1, 2, 3, 4, 5};
  return full;
}

RunLog log_of(const std::string& content) { return read_run_log(content, "run.jsonl"); }

std::string words(const Json& page) { return json_line(page); }

std::string complaint(const std::string& content) {
  try {
    log_of(content);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "";
}

TEST(RunLog, reads_what_it_writes) {
  const Json line = line_of(point_with_all());
  const RunLog log = log_of(json_line(line) + "\n");
  ASSERT_EQ(log.points.size(), 1u);
  EXPECT_EQ(line_of(log.points[0]), line);
  EXPECT_EQ(line["norms"][0]["saturated"], 0.25);
  EXPECT_EQ(line["time"]["optimiser"], 4);
}

TEST(RunLog, leaves_out_what_a_point_does_not_have) {
  const Json line = line_of(point(1, NAN));
  for (const char* name : {"norms", "time", "valid_loss", "valid_accuracy", "valid_rmse"})
    EXPECT_FALSE(line.contains(name)) << name;
  EXPECT_TRUE(std::isnan(log_of(json_line(line)).points.at(0).train_loss));
}

TEST(RunLog, leaves_out_a_last_line_that_its_writer_was_killed_at) {
  const std::string whole = json_line(line_of(point(1, 2))) + "\n" + json_line(line_of(point(2, 1))) + "\n";
  for (std::size_t cut = whole.find('\n') + 2; cut + 2 < whole.size(); ++cut)
    EXPECT_EQ(log_of(whole.substr(0, cut)).points.size(), 1u) << cut;
}

TEST(RunLog, says_which_line_is_damaged) {
  const std::string good = json_line(line_of(point(1, 2))) + "\n";
  const std::string help = "; give a log as ztilde train --log writes it";
  EXPECT_EQ(complaint(""), "run.jsonl: is empty" + help);
  EXPECT_EQ(complaint("\n \n"), "run.jsonl: is empty" + help);
  EXPECT_EQ(complaint("{\"step\":"), "run.jsonl:1: is no JSON object" + help);
  EXPECT_EQ(complaint(good + "nonsense\n" + good), "run.jsonl:2: is no JSON object" + help);
  EXPECT_EQ(complaint(good + "\n[1]\n"), "run.jsonl:3: is no JSON object" + help);
  EXPECT_EQ(complaint("{\"epoch\":1}\n"), "run.jsonl:1: 'step' is missing, or no whole number" + help);
  EXPECT_EQ(complaint("{\"step\":-1}\n"), "run.jsonl:1: 'step' is missing, or no whole number" + help);
  EXPECT_EQ(complaint("{\"step\":1,\"train_loss\":\"x\"}\n"),
            "run.jsonl:1: 'train_loss' is no number" + help);
  EXPECT_EQ(complaint("{\"step\":1,\"norms\":[{\"layer\":1,\"z\":[1,2]}]}\n"),
            "run.jsonl:1: 'z' is not as many numbers as there should be" + help);
  EXPECT_EQ(complaint("{\"step\":1,\"norms\":{}}\n"), "run.jsonl:1: 'norms' is no list of objects" + help);
  EXPECT_EQ(complaint("{\"step\":1,\"time\":3}\n"), "run.jsonl:1: 'time' is no object" + help);
}

TEST(RunLog, survives_nesting_without_end) {
  const std::string deep =
      "{\"step\":1,\"run\":" + std::string(200000, '[') + std::string(200000, ']') + "}\n";
  EXPECT_EQ(log_of(deep).points.size(), 1u);
}

TEST(Thinned, keeps_the_ends_and_the_peaks) {
  Series series;
  for (int i = 0; i < 100000; ++i) series.emplace_back(i, std::sin(i / 5000.));
  series[34567].second = 9;
  series[77777].second = -9;
  const Series thin = thinned(series, 100);
  EXPECT_LE(thin.size(), 100u);
  EXPECT_EQ(thin.front(), series.front());
  EXPECT_EQ(thin.back(), series.back());
  EXPECT_THAT(thin, testing::Contains(series[34567]));
  EXPECT_THAT(thin, testing::Contains(series[77777]));
  EXPECT_TRUE(std::ranges::is_sorted(thin, {}, &std::pair<double, double>::first));
  EXPECT_EQ(thinned(thin, 100), thin);
}

TEST(RunPage, of_losses_alone_shows_the_losses) {
  const Json page = run_page(log_of("{\"step\":1,\"train_loss\":2}\n{\"step\":2,\"train_loss\":1}\n"));
  const Json& learning = page["sections"][0];
  EXPECT_EQ(learning["id"], "learning");
  EXPECT_THAT(learning["lead"], HasSubstr("The training loss fell from 2.000 to 1.000"));
  EXPECT_THAT(learning["lead"], HasSubstr("The log ends after 2 steps without a finished model"));
  EXPECT_EQ(learning["blocks"][1]["config"]["data"]["datasets"][0]["data"].size(), 2u);
}

TEST(RunPage, says_that_a_smoothed_training_loss_is_another_than_that_of_validation) {
  for (const char* smoothing : {"0", "0.1"}) {
    HistoryPoint end = point(10, 0.5);
    end.valid_loss = 0.3;
    const std::string run =
        fmt::format("{{\"step\":0,\"run\":{{\"options\":{{\"label-smoothing\":\"{}\"}}}}}}\n", smoothing);
    const Json learning = run_page(log_of(run + json_line(line_of(end)) + "\n"))["sections"][0];
    const std::string said = words(learning);
    EXPECT_EQ(said.find("smoothed labels (--label-smoothing 0.1)") != said.npos,
              smoothing != std::string("0"));
    EXPECT_EQ(said.find("and stay together") != said.npos, smoothing == std::string("0"));
  }
}

TEST(RunPage, marks_the_best_epoch_and_says_when_it_overfits) {
  std::string lines;
  const double valid[] = {0.9, 0.5, 0.4, 0.6, 0.8, 0.9};
  for (std::uint64_t epoch = 1; epoch <= 6; ++epoch) {
    HistoryPoint end = point(10 * epoch, 1.0 / static_cast<double>(epoch));
    end.epoch = epoch;
    end.valid_loss = valid[epoch - 1];
    lines += json_line(line_of(end)) + "\n";
  }
  const Json learning = run_page(log_of(lines))["sections"][0];
  EXPECT_THAT(learning["lead"], HasSubstr("it was lowest, 0.4000, after epoch 3"));
  EXPECT_THAT(learning["lead"], HasSubstr("what overfitting looks like"));
  const Json& marks = learning["blocks"][1]["config"]["options"]["plugins"]["marks"]["lines"];
  EXPECT_EQ(marks[0]["label"], "best: epoch 3");
  EXPECT_EQ(marks[0]["value"], 30) << "in steps, as the log does not tell how many an epoch has";
}

TEST(RunPage, shows_every_norm_of_a_shallow_network_and_some_of_a_deep_one) {
  for (const std::size_t count : {2u, 40u}) {
    HistoryPoint full = point_with_all();
    for (std::size_t i = 1; i < count; ++i) {
      full.norms.push_back(full.norms[0]);
      full.norms.back().layer = 2 + 3 * i;
    }
    const Json page = run_page(log_of(json_line(line_of(full)) + "\n" + json_line(line_of(full)) + "\n"));
    const std::string text = words(page);
    EXPECT_THAT(text, HasSubstr("Layer 2: z went from 5.000 to 5.000 wide"));
    EXPECT_THAT(text, HasSubstr(fmt::format("Layer {}: z went", 2 + 3 * (count - 1))));
    for (const char* title : {"Dead units", "Saturated values", "Running means", "Running variances"})
      EXPECT_THAT(text, HasSubstr(title));
    EXPECT_LT(text.size(), 60000u);
  }
}

TEST(RunPage, of_a_long_run_stays_small) {
  std::string lines;
  for (std::uint64_t i = 1; i <= 4000; ++i) {
    HistoryPoint full = point_with_all();
    full.step = i;
    full.epoch = i / 100 + 1;
    full.train_loss = 1 + std::sin(static_cast<double>(i));
    for (std::size_t layer = 0; layer < 9; ++layer) full.norms.push_back(full.norms[0]);
    for (std::size_t layer = 0; layer < 10; ++layer) full.norms[layer].layer = layer;
    lines += json_line(line_of(full)) + "\n";
  }
  EXPECT_LT(html(run_page(log_of(lines))).size(), 1000000u);
}

TEST(RunPage, says_how_a_run_ended) {
  const std::string start = "{\"step\":1,\"epoch\":1,\"train_loss\":2}\n";
  const auto lead = [&](const std::string& end, RunState state = RunState::ended) {
    return run_page(log_of(start + end), state)["sections"][0]["lead"].get<std::string>();
  };
  EXPECT_THAT(lead("{\"diverged\":\"layer 3, channel 4 at step 7\"}\n"),
              HasSubstr("Training diverged, and there is no model: layer 3, channel 4 at step 7."));
  EXPECT_THAT(lead("{\"step\":1,\"result\":{\"interrupted\":true}}\n"), HasSubstr("was interrupted"));
  EXPECT_THAT(lead("{\"step\":1,\"result\":{\"stopped_early\":true}}\n"), HasSubstr("stopped early"));
  EXPECT_THAT(lead("", RunState::going_on), HasSubstr("Training is going on"));
  EXPECT_THAT(lead("{\"step\":1,\"result\":{\"best_epoch\":1}}\n"), Not(HasSubstr("without")));
}

TEST(RunPage, takes_the_confusion_its_worst_pair_and_the_scores_from_the_result) {
  const RunLog log = log_of(
      "{\"step\":1,\"run\":{\"data\":{\"file\":\"a/"
      "b.csv\",\"target\":\"kind\",\"classes\":[\"<u>\",\"v\"]}}}\n"
      "{\"step\":1,\"valid_accuracy\":0.75,\"result\":{\"confusion\":[[5,2],[1,4]],"
      "\"pairs\":[{\"true\":0,\"predicted\":1,\"count\":2}],"
      "\"scores\":{\"rows\":12,\"accuracy\":0.75,\"log_loss\":0.123456789}}}\n");
  const Json page = run_page(log);
  EXPECT_EQ(page["title"], "b.csv → kind");
  const Json& quality = page["sections"][1];
  EXPECT_EQ(quality["blocks"][0]["cells"], Json::parse("[[5,2],[1,4]]"));
  EXPECT_THAT(quality["blocks"][0]["title"], HasSubstr("<u> is taken for v most often, 2 times"));
  EXPECT_EQ(quality["blocks"].back()["rows"][1], Json::parse(R"(["log loss","0.12345679"])"));
}

TEST(RunPage, makes_do_with_a_run_and_a_result_of_other_kinds) {
  const std::string odd =
      "{\"step\":1,\"run\":{\"data\":7,\"network\":[3,{\"name\":4,\"parameters\":-1e300}],\"options\":{\"a\":"
      "[1]},"
      "\"train_rows\":1e300,\"seed\":\"x\",\"command\":9}}\n"
      "{\"step\":1,\"result\":{\"confusion\":[[1],[2,3]],\"pairs\":[5,{\"true\":-1,\"examples\":[{\"pixels\":"
      "1}]}],"
      "\"sample\":{\"target\":[1],\"prediction\":[1,2]},\"norms\":[4,{\"gamma\":{\"counts\":[1]}}],"
      "\"scores\":[],"
      "\"image\":{\"width\":1e9,\"height\":-2}}}\n";
  const Json page = run_page(log_of(odd));
  EXPECT_EQ(page["title"], "A training");
  EXPECT_THAT(html(page), HasSubstr("<!doctype html>"));
}

TEST(RunPage, draws_a_dot_a_row_of_numbers) {
  const RunLog log = log_of(
      "{\"step\":1,\"train_loss\":1}\n"
      "{\"step\":1,\"result\":{\"sample\":{\"target\":[1,2,4],\"prediction\":[1.5,2,3]},\"scores\":{\"rmse\":"
      "0.6,"
      "\"r2\":0.64}}}\n");
  const Json page = run_page(log);
  const Json& quality = page["sections"][1];
  const Json& residuals = quality["blocks"][1];
  EXPECT_EQ(quality["blocks"][0]["config"]["data"]["datasets"][0]["data"][0],
            Json::parse(R"({"x":1,"y":1.5})"));
  EXPECT_EQ(residuals["config"]["data"]["datasets"][0]["data"][2], Json::parse(R"({"x":3,"y":-1})"));
  EXPECT_THAT(words(page), HasSubstr("1 is perfect, 0 the mean"));
}

}  // namespace
}  // namespace ztilde::report
