// What is done with the study of a search: shown, reported, its best trial trained; and what is refused.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>

#include "tests/cli_search_test_support.hpp"

namespace ztilde::cli_test {
namespace {

// What a search of flowers left, for those that look at it.
const TemporaryFolder& searched() {
  static const TemporaryFolder folder;
  static const bool done =
      ztilde(folder, quick_search("flowers.csv", "s", {"--trials", "6", "--stopping", "off"})).exit_code == 0;
  EXPECT_TRUE(done);
  return folder;
}

TEST(SearchStudy, show_lists_trials_best_first_in_any_width) {
  const StudyContents study = study_in(searched(), "s");
  const std::size_t best = *search::best_trial(study);
  Setting wide, narrow;
  wide.columns = "200";
  narrow.columns = "40";
  const Result run = ztilde(searched(), {"search", "show", "s"}, wide);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Words lines = lines_of(run.out);
  const auto title = std::ranges::find_if(lines, [](const auto& line) { return line.starts_with("trial "); });
  ASSERT_EQ(lines.end() - title, 7);
  EXPECT_NE(title->find("accuracy"), std::string::npos);
  EXPECT_TRUE(title[1].starts_with(std::to_string(best) + " *")) << title[1];
  EXPECT_NE(title[1].find(study.trials[best].options[1].second), std::string::npos) << title[1];
  for (const std::string& line : lines_of(ztilde(searched(), {"search", "show", "s"}, narrow).out)) {
    if (line.starts_with("  --")) {
      EXPECT_LE(line.size(), 40u) << line;
    }
  }
  const auto object = parsed(ztilde(searched(), {"search", "show", "s", "--json"}).out);
  EXPECT_EQ(object["best"], best);
  ASSERT_EQ(object["trials"].size(), 6u);
  double before = 0;
  for (const auto& trial : object["trials"]) {
    EXPECT_GE(trial["loss"].get<double>(), before);
    before = trial["loss"].get<double>();
    EXPECT_EQ(trial["curve"].size(), 6u);
  }
}

TEST(SearchStudy, best_trains_what_the_study_found_on_the_same_rows) {
  for (const std::string trial : {"", "2"}) {
    Words words = {"search", "best", "s", "--out", "m", "--log", "log", "--force", "--quiet"};
    if (!trial.empty()) words.insert(words.end(), {"--trial", trial});
    const Result run = ztilde(searched(), words);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const StudyContents study = study_in(searched(), "s");
    const Trial& found = study.trials[trial.empty() ? *search::best_trial(study) : 2];
    double last = 0;
    for (const std::string& line : lines_of(searched().read("log"))) {
      const auto point = parsed(line);
      if (point.contains("valid_loss") && !point.contains("result")) last = point["valid_loss"];
    }
    EXPECT_EQ(last, *found.loss());
    const auto model = parsed(ztilde(searched(), {"inspect", "m", "--json"}).out);
    EXPECT_EQ(model["training"]["seed"], found.seed);
  }
}

TEST(SearchStudy, with_running_statistics_the_model_has_the_very_loss_that_the_study_says) {
  const TemporaryFolder folder;
  ASSERT_EQ(
      ztilde(folder, quick_search("houses.csv", "s", {"--trials", "3", "--statistics", "running"})).exit_code,
      0);
  const Result best = ztilde(folder, {"search", "best", "s", "--json", "--quiet"});
  ASSERT_EQ(best.exit_code, 0) << best.err;
  const StudyContents study = study_in(folder, "s");
  EXPECT_EQ(parsed(best.out)["valid_loss"].get<double>(), *study.trials[*search::best_trial(study)].loss());
}

TEST(SearchStudy, a_searched_network_is_found_again_by_best) {
  const TemporaryFolder folder;
  const Result run = ztilde(folder, {"search", "--data", tables() / "flowers.csv", "--net",
                                     "resmlp:1,resmlp:2", "--trials", "2", "--epochs", "2", "--quiet"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Result best = ztilde(folder, {"search", "best", "search.study", "--quiet"});
  EXPECT_EQ(best.exit_code, 0) << best.err;
}

TEST(SearchStudy, best_learns_from_all_rows_on_request_and_from_no_others) {
  const Result run =
      ztilde(searched(), {"search", "best", "s", "--all-rows", "--out", "all", "--json", "--quiet"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(parsed(run.out)["rows"], 240);
  EXPECT_FALSE(parsed(run.out).contains("valid_loss"));
  const Result other = ztilde(
      searched(), {"search", "best", "s", "--data", tables() / "houses.csv", "--out", "other", "--quiet"});
  EXPECT_EQ(other.exit_code, 2);
  std::filesystem::copy_file(tables() / "flowers.csv", searched() / "moved.csv");
  const Result moved =
      ztilde(searched(), {"search", "best", "s", "--data", "moved.csv", "--out", "moved", "--quiet"});
  EXPECT_EQ(moved.exit_code, 0) << moved.err;
}

TEST(SearchStudy, report_is_a_page_that_the_same_search_may_replace) {
  const TemporaryFolder folder;
  const Words words = quick_search("houses.csv", "s", {"--trials", "2", "--report", "page.html"});
  ASSERT_EQ(ztilde(folder, words).exit_code, 0);
  EXPECT_NE(folder.read("page.html").find("houses.csv"), std::string::npos);
  const Result again = ztilde(folder, words);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  folder.write("page.html", "mine");
  const Result mine = ztilde(folder, words);
  EXPECT_EQ(mine.err,
            "error: page.html: exists already; choose another name, or overwrite it with --force\n");
  EXPECT_EQ(ztilde(folder, {"search", "show", "s", "--report", "other.html"}).exit_code, 0);
  EXPECT_GT(folder.read("other.html").size(), 1000u);
}

// Without the header, which tells of the options.
std::string numbers_of(const std::string& model) {
  std::uint64_t header = 0;
  for (std::size_t i = 8; i-- > 0;) header = header << 8 | static_cast<unsigned char>(model[i]);
  return model.substr(8 + header);
}

TEST(SearchStudy, split_seed_of_train_chooses_the_rows_held_out_and_nothing_else) {
  const TemporaryFolder folder;
  const auto train = [&](const std::string& seed, const std::string& split) {
    Words words = quick_train(tables() / "houses.csv", {"--quiet", "--force", "--out", "m", "--seed", seed});
    if (!split.empty()) words.insert(words.end(), {"--split-seed", split});
    const Result run = ztilde(folder, words);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return numbers_of(folder.read("m"));
  };
  EXPECT_EQ(train("4", "4"), train("4", ""));
  EXPECT_NE(train("4", "5"), train("4", ""));
  EXPECT_NE(train("5", "4"), train("4", "4"));
  const auto refusal = [&](Words more) {
    more.insert(more.end(), {"--split-seed", "1"});
    return ztilde(folder, quick_train(tables() / "houses.csv", more)).err;
  };
  EXPECT_EQ(refusal({"--valid", "v.csv"}),
            "error: --split-seed: does not go with --valid; nothing is held out\n");
  EXPECT_EQ(refusal({"--folds", "2"}),
            "error: --split-seed: does not go with --folds; all rows are dealt into folds, by --seed\n");
  EXPECT_EQ(
      refusal({"--checkpoint", "c"}),
      "error: --split-seed: does not go with --checkpoint; it would not notice another split; leave one "
      "of the two out\n");
  EXPECT_EQ(refusal({"--valid-fraction", "0"}),
            "error: --split-seed: given with --valid-fraction 0; nothing is held out, leave it out\n");
}

struct Refusal {
  Words words;
  std::string line;
};

TEST(SearchStudy, whatever_is_wrong_is_one_line_that_says_what_to_do) {
  const TemporaryFolder folder;
  folder.write("t.csv", flowers());
  folder.write("text", "no study");
  const std::string kept =
      "the study keeps every trial by itself; the same search again goes on, leave it out";
  const std::vector<Refusal> refusals = {
      {{}, "--data: missing; name a table, an IDX image file or a folder of images"},
      {{"shwo", "s"}, "search shwo: unknown part of search; did you mean show?"},
      {{"--data", "-"},
       "--data: every worker reads the rows, and standard input can be read once; name a file"},
      {{"--data", "t.csv", "--out", "m"},
       "--out: a search makes no model; ztilde search best STUDY --out FILE does afterwards"},
      {{"--data", "t.csv", "--log", "m"},
       "--log: trials have no log; ztilde search show STUDY --json has every epoch of all"},
      {{"--data", "t.csv", "--watch"},
       "--watch: shows one training; ztilde search show STUDY tells how a search goes"},
      {{"--data", "t.csv", "--checkpoint", "c"}, "--checkpoint: " + kept},
      {{"--data", "t.csv", "--checkpoint-every", "3"}, "--checkpoint-every: " + kept},
      {{"--data", "t.csv", "--resume"}, "--resume: " + kept},
      {{"--data", "t.csv", "--split-seed", "1"},
       "--split-seed: the study's --seed splits the rows, for all trials alike; leave it out"},
      {{"--data", "t.csv", "--lr", "1..0.1"}, "--lr: 1 is not below 0.1; write 1e-4..1e-1:log"},
      {{"--data", "t.csv", "--lr", "0..1"}, "--lr: 0 is out of range; give a number above 0"},
      {{"--data", "t.csv", "--lr", "0..1:log"},
       "--lr: a logarithm needs numbers above 0, and '0..1:log' begins at 0; write 1e-4..1e-1:log"},
      {{"--data", "t.csv", "--dropout", "0..1"},
       "--dropout: 1 is out of range; give a number from 0 to below 1"},
      {{"--data", "t.csv", "--hidden", "8..16"},
       "--hidden: '8..16' does not say how many layers; write 64..512x1..4"},
      {{"--data", "t.csv", "--norm", "batch,non"}, "--norm: unknown value 'non'; did you mean none?"},
      {{"--data", "t.csv", "--batch", "16,16"}, "--batch: '16' stands twice; write 64,256,1024"},
      {{"--data", "t.csv", "--epochs", "5..20"},
       "--epochs: is the same for all trials, which could not be compared else; give one value"},
      {{"--data", "t.csv", "--missing", "mean,indicator"},
       "--missing: cannot be searched, and 'mean,indicator' is no single value; give one (options of the "
       "network and its training can have ranges)"},
      {{"--data", "t.csv", "--image-size", "8..16"},
       "--image-size: cannot be searched, and '8..16' is no single value; give one (options of the "
       "network and its training can have ranges)"},
      {{"--data", "t.csv", "--shift", "0..4"},
       "--shift: does not go with a table; it has no pixels; leave it out"},
      {{"--data", "t.csv", "--net", "cnn,cnn-small", "--hidden", "8..9x1"},
       "--hidden: does not go with --net; the file describes the whole network"},
      {{"--data", "t.csv", "--time", "10"}, "--time: '10' is no time; give one such as 90s, 10m or 1h30m"},
      {{"--data", "t.csv", "--workers", "0"},
       "--workers: 0 is out of range; give a whole number from 1 to 1,024"},
      {{"--data", "t.csv", "--valid-fraction", "0"},
       "--valid-fraction: 0 leaves no rows to judge trials by; give more, or --valid"},
      {{"--data", "t.csv", "--folds", "3", "--valid", "t.csv"},
       "--valid: does not go with --folds; each fold is validated with rows of --data"},
      {{"--data", "t.csv", "--report", "-"}, "--report: it cannot go to standard output; name a file"},
      {{"--data", "t.csv", "--study", "t.csv"},
       "--study: t.csv is also the file of --data; choose another name"},
      {{"--data", "t.csv", "--study", "text"}, "text: is no study; give a file that ztilde search made"},
      {{"--data", "t.csv", "--lr", "1", "--batch", "8", "--hidden", "8", "--weight-decay", "0", "--dropout",
        "0"},
       "no option is left to search; give one a range, such as --lr 1e-4..1e-1:log"},
      {{"show"}, "STUDY: missing; usage: ztilde search show STUDY [options]"},
      {{"show", "s", "--out", "m"}, "--out: unknown option; see ztilde search show --help"},
      {{"show", "text"}, "text: is no study; give a file that ztilde search made"},
      {{"best", "text"}, "text: is no study; give a file that ztilde search made"},
  };
  for (const Refusal& refusal : refusals) {
    Words words = {"search"};
    words.insert(words.end(), refusal.words.begin(), refusal.words.end());
    const Result run = ztilde(folder, words);
    EXPECT_EQ(run.exit_code, 2) << refusal.line;
    EXPECT_EQ(run.err, "error: " + refusal.line + "\n");
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(folder.files(), 2u) << refusal.line;
  }
}

TEST(SearchStudy, what_best_cannot_do_is_refused) {
  const auto refusal = [](Words words) {
    words.insert(words.begin(), {"search", "best", "s", "--quiet"});
    const Result run = ztilde(searched(), words);
    EXPECT_EQ(run.exit_code, 2);
    return run.err;
  };
  EXPECT_EQ(refusal({"--trial", "6"}),
            "error: --trial: 6 is none of the 6 trials of s; ztilde search show lists them\n");
  EXPECT_EQ(refusal({"--labels", "l"}), "error: --labels: the study has no such rows; leave it out\n");
  const TemporaryFolder folder;
  folder.write("gone.csv", houses(40));
  ASSERT_EQ(
      ztilde(folder, {"search", "--data", "gone.csv", "--trials", "1", "--epochs", "1", "--quiet"}).exit_code,
      0);
  std::filesystem::remove(folder / "gone.csv");
  const Result gone = ztilde(folder, {"search", "best", "search.study"});
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_NE(gone.err.find("gone.csv: is not there any more; say with --data where it is"), std::string::npos);
  EXPECT_EQ(refusal({"--out", "s"}), "error: --out: s is also the file of STUDY; choose another name\n");
}

}  // namespace
}  // namespace ztilde::cli_test
