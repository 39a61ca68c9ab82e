// ztilde search: many trainings in several processes, kept in one file.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <filesystem>
#include <set>

#include "tests/cli_search_test_support.hpp"

namespace ztilde::cli_test {
namespace {

// Of a process that is another's child, as Linux lists them.
std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> children;
  const std::string id = std::to_string(process);
  std::FILE* file = std::fopen(("/proc/" + id + "/task/" + id + "/children").c_str(), "r");
  for (int child = 0; file && std::fscanf(file, "%d", &child) == 1;) children.push_back(child);
  if (file) std::fclose(file);
  return children;
}

// Until the study has so many trials at their end.
void wait_for_trials(const std::string& path, std::size_t count) {
  for (;;) {
    ::usleep(5000);
    if (!search::study_exists(path)) continue;
    if (ended(search::read_study(path)) >= count) return;
  }
}

TEST(Search, finds_something_at_least_as_good_as_the_defaults) {
  const TemporaryFolder folder;
  const Result run = ztilde(folder, quick_search("flowers.csv", "s", {"--trials", "12", "--json"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto object = parsed(run.out);
  ASSERT_EQ(object["trials"].size(), 12u);
  const StudyContents study = study_in(folder, "s");
  EXPECT_EQ(ended(study), 12u);
  const Trial& best = study.trials[object["best"].get<std::size_t>()];
  EXPECT_EQ(study.trials[0].state, TrialState::finished);  // never stopped early
  EXPECT_EQ(study.trials[0].curve.size(), 6u);
  EXPECT_LE(*best.loss(), *study.trials[0].loss());
  for (const Trial& trial : study.trials) {
    if (trial.state == TrialState::finished) {
      EXPECT_GE(*trial.loss(), *best.loss());
    }
  }
  EXPECT_GE(std::ranges::count(study.trials, TrialState::paused, &Trial::state), 4);
  EXPECT_EQ(object["trials"][0]["trial"], best.number);
  EXPECT_EQ(std::filesystem::exists(folder / "model.ztilde"), false);
}

TEST(Search, the_first_trial_is_what_train_does_by_itself) {
  const TemporaryFolder folder;
  const Words common = {"--data", tables() / "houses.csv", "--epochs", "3", "--seed", "5", "--quiet"};
  Words searching = {"search", "--trials", "1", "--stopping", "off"}, training = {"train", "--log", "log"};
  searching.insert(searching.end(), common.begin(), common.end());
  training.insert(training.end(), common.begin(), common.end());
  const Result search = ztilde(folder, searching), train = ztilde(folder, training);
  ASSERT_EQ(search.exit_code, 0) << search.err;
  ASSERT_EQ(train.exit_code, 0) << train.err;
  const StudyContents study = study_in(folder, "search.study");
  std::set<std::string> names;
  for (const search::Dimension& dimension : study.plan.dimensions) names.insert(dimension.option);
  EXPECT_EQ(names, (std::set<std::string>{"--lr", "--batch", "--weight-decay", "--hidden", "--dropout"}));
  const search::OptionTexts defaults = {{"--lr", "0.002"},
                                        {"--batch", "256"},
                                        {"--weight-decay", "0.01"},
                                        {"--hidden", "256,256"},
                                        {"--dropout", "0"}};
  EXPECT_EQ(study.trials[0].options, defaults);
  std::size_t epoch = 0;
  for (const std::string& line : lines_of(folder.read("log"))) {
    const auto point = parsed(line);
    if (!point.contains("valid_loss") || point.contains("result")) continue;
    ASSERT_LT(epoch, study.trials[0].curve.size());
    EXPECT_EQ(point["valid_loss"].get<double>(), study.trials[0].curve[epoch].valid_loss);
    ++epoch;
  }
  EXPECT_EQ(epoch, 3u);
}

TEST(Search, any_number_of_workers_comes_to_the_same_study_where_none_is_stopped) {
  const TemporaryFolder folder;
  const auto search = [&](const std::string& study, const std::string& workers) {
    const Result run = ztilde(folder, quick_search("flowers.csv", study,
                                                   {"--trials", "5", "--stopping", "off", "--workers",
                                                    workers, "--folds", "2", "--seed", "3"}));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.err + run.out, "");
    return study_in(folder, study);
  };
  const StudyContents one = search("one", "1"), three = search("three", "3");
  EXPECT_TRUE(search::same_results(one, three));
  EXPECT_EQ(one.trials.size(), 5u);
  EXPECT_EQ(std::ranges::count(one.trials, 2, [](const Trial& t) { return t.fold_losses.size(); }), 3);
}

TEST(Search, killed_workers_lose_no_finished_trial_and_others_go_on) {
  const TemporaryFolder folder;
  const Words words = quick_search(
      "flowers.csv", "s", {"--trials", "8", "--stopping", "off", "--workers", "2", "--epochs", "20"});
  Words one_epochs = words;
  one_epochs.erase(std::find(one_epochs.begin(), one_epochs.end(), "6") - 1,
                   std::find(one_epochs.begin(), one_epochs.end(), "6") + 1);
  Setting setting;
  StudyContents before;
  setting.meanwhile = [&](pid_t process) {
    wait_for_trials(folder / "s", 2);
    before = study_in(folder, "s");
    for (const pid_t worker : children_of(process)) ::kill(worker, SIGKILL);
  };
  const Result run = ztilde(folder, one_epochs, setting);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  Words unbroken = one_epochs;
  *std::find(unbroken.begin(), unbroken.end(), "s") = "unbroken";
  ASSERT_EQ(ztilde(folder, unbroken).exit_code, 0);
  EXPECT_TRUE(search::same_results(study_in(folder, "s"), study_in(folder, "unbroken")));
  for (std::size_t t = 0; t < before.trials.size(); ++t) {
    if (before.trials[t].state == TrialState::finished) {
      EXPECT_EQ(study_in(folder, "s").trials[t].worker, before.trials[t].worker);
    }
  }
}

TEST(Search, workers_end_with_the_search_that_started_them) {
  const TemporaryFolder folder;
  Setting setting;
  std::vector<pid_t> workers;
  setting.meanwhile = [&](pid_t process) {
    wait_for_trials(folder / "s", 1);
    workers = children_of(process);
    ::kill(process, SIGKILL);
  };
  const Words words = quick_search("flowers.csv", "s", {"--trials", "10000", "--workers", "2"});
  EXPECT_EQ(ztilde(folder, words, setting).exit_code, 128 + SIGKILL);
  ASSERT_EQ(workers.size(), 2u);
  // They write down what they have; this test waits as long as it takes, and ends by it alone.
  for (const pid_t worker : workers) {
    while (std::filesystem::exists("/proc/" + std::to_string(worker) + "/exe")) ::usleep(1000);
  }
  const StudyContents left = study_in(folder, "s");
  EXPECT_EQ(std::ranges::count(left.trials, TrialState::running, &Trial::state), 0);
  EXPECT_GT(ended(left), 0u);
}

TEST(Search, two_processes_on_one_study_run_no_trial_twice) {
  const TemporaryFolder folder;
  const Words words = quick_search("flowers.csv", "s", {"--trials", "10000", "--stopping", "off"});
  // Both go on until each has brought a trial to its end.
  const auto workers_of_ended = [&] {
    std::set<std::string> workers;
    for (const Trial& trial : study_in(folder, "s").trials)
      if (trial.state == TrialState::finished) workers.insert(trial.worker);
    return workers;
  };
  Setting first, second;
  Result other;
  second.meanwhile = [&](pid_t process) {
    while (workers_of_ended().size() < 2) ::usleep(5000);
    ::kill(process, SIGINT);
  };
  first.meanwhile = [&](pid_t process) {
    wait_for_trials(folder / "s", 1);
    other = ztilde(folder, words, second);
    ::kill(process, SIGINT);
  };
  const Result run = ztilde(folder, words, first);
  EXPECT_EQ(run.exit_code, 128 + SIGINT) << run.err;
  EXPECT_EQ(other.exit_code, 128 + SIGINT) << other.err;
  const StudyContents study = study_in(folder, "s");
  EXPECT_EQ(workers_of_ended().size(), 2u);
  for (const Trial& trial : study.trials) {
    EXPECT_EQ(trial.deaths, 0u);
    EXPECT_TRUE(trial.state == TrialState::waiting || trial.curve.size() == 6) << trial.number;
  }
  const Words alone = quick_search("flowers.csv", "one", {"--trials", "2", "--stopping", "off"});
  ASSERT_EQ(ztilde(folder, alone).exit_code, 0);
  for (std::size_t t = 0; t < 2; ++t)
    EXPECT_EQ(study.trials[t].loss(), study_in(folder, "one").trials[t].loss());
}

TEST(Search, goes_on_where_it_was_and_with_more_trials_after_its_end) {
  const TemporaryFolder folder;
  const auto search = [&](const std::string& trials, Words more = {}) {
    more.insert(more.end(), {"--trials", trials, "--stopping", "off"});
    return ztilde(folder, quick_search("houses.csv", "s", more));
  };
  ASSERT_EQ(search("3").exit_code, 0);
  const StudyContents first = study_in(folder, "s");
  ASSERT_EQ(search("3").exit_code, 0);
  EXPECT_TRUE(search::same_results(first, study_in(folder, "s")));
  ASSERT_EQ(search("5").exit_code, 0);
  const StudyContents more = study_in(folder, "s");
  ASSERT_EQ(more.trials.size(), 5u);
  for (std::size_t t = 0; t < 3; ++t) EXPECT_EQ(more.trials[t].worker, first.trials[t].worker);
  const Result other = search("5", {"--seed", "1"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_EQ(other.err,
            "error: s: --seed is 0 in the study and 1 here; repeat the search as it began, or give another "
            "study\n");
}

TEST(Search, ctrl_c_leaves_a_study_that_the_same_command_goes_on_with) {
  const TemporaryFolder folder;
  Words words = quick_search("flowers.csv", "s", {"--trials", "40", "--stopping", "off", "--workers", "2"});
  std::erase(words, "--quiet");
  Setting setting;
  setting.meanwhile = [&](pid_t process) {
    wait_for_trials(folder / "s", 2);
    ::kill(process, SIGINT);
  };
  const Result run = ztilde(folder, words, setting);
  ASSERT_EQ(run.exit_code, 128 + SIGINT) << run.err;
  EXPECT_EQ(run.out, "");
  EXPECT_NE(run.err.find("to go on: ztilde search --data "), std::string::npos) << run.err;
  const StudyContents left = study_in(folder, "s");
  EXPECT_EQ(std::ranges::count(left.trials, TrialState::running, &Trial::state), 0);
  for (const Trial& trial : left.trials) EXPECT_EQ(trial.deaths, 0u);
  const Result again = ztilde(folder, words);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  ASSERT_EQ(ended(study_in(folder, "s")), 40u);
  *std::find(words.begin(), words.end(), "s") = "unbroken";
  ASSERT_EQ(ztilde(folder, words).exit_code, 0);
  EXPECT_TRUE(search::same_results(study_in(folder, "s"), study_in(folder, "unbroken")));
}

TEST(Search, says_how_it_goes_in_lines_or_on_one_line_of_a_terminal) {
  const TemporaryFolder folder;
  Words words = quick_search("flowers.csv", "s", {"--trials", "4"});
  std::erase(words, "--quiet");
  const Result piped = ztilde(folder, words);
  ASSERT_EQ(piped.exit_code, 0) << piped.err;
  EXPECT_NE(piped.err.find("\nsearches   --hidden"), std::string::npos) << piped.err;
  EXPECT_NE(piped.err.find("  best "), std::string::npos) << piped.err;
  EXPECT_EQ(piped.err.find('\r'), std::string::npos);
  EXPECT_NE(piped.out.find("\nbest       trial "), std::string::npos) << piped.out;
  EXPECT_NE(piped.out.find("ztilde search best s --out"), std::string::npos) << piped.out;
  words.insert(words.end(), {"--progress", "always"});
  Setting setting;
  setting.columns = "30";
  const Result drawn = ztilde(folder, words, setting);
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  const std::size_t line = drawn.err.find("\r\x1b[Ktrials 4/4");
  ASSERT_NE(line, std::string::npos) << drawn.err;
  EXPECT_LE(drawn.err.find("\r", line + 1) - line, 4 + 29u);
  EXPECT_NE(drawn.err.find("in which all 4 trials are done; --trials 8 adds more"), std::string::npos);
  words.back() = "never";
  const Result never = ztilde(folder, words);
  EXPECT_EQ(never.err.find("trials 4/4"), std::string::npos) << never.err;
}

TEST(Search, ranges_may_stand_in_a_configuration_file) {
  const TemporaryFolder folder;
  folder.write("run.toml",
               "data = \"" + tables() / "flowers.csv" +
                   "\"\nlr = \"1e-3..1e-2:log\"\nnorm = \"batch,none\"\nepochs = 2\ntrials = 2\n");
  const Result run = ztilde(folder, {"search", "--config", "run.toml", "--norm", "none", "--quiet"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const StudyContents study = study_in(folder, "search.study");
  ASSERT_EQ(study.plan.dimensions.size(), 1u);  // the command line wins
  EXPECT_EQ(study.plan.dimensions[0].text, "1e-3..1e-2:log");
  EXPECT_EQ(study.trials.size(), 2u);
  folder.write("bad.toml", "lr = \"1..0\"\n");
  EXPECT_EQ(ztilde(folder, {"search", "--config", "bad.toml"}).err,
            "error: --lr: 1 is not below 0; write 1e-4..1e-1:log\n");
}

TEST(Search, time_ends_it_once_a_trial_is_finished) {
  const TemporaryFolder folder;
  const Result run = ztilde(folder, quick_search("flowers.csv", "s", {"--time", "0.001s"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const StudyContents study = study_in(folder, "s");
  EXPECT_EQ(study.trials_asked, 0u);
  EXPECT_TRUE(search::best_trial(study));
  EXPECT_EQ(std::ranges::count(study.trials, TrialState::running, &Trial::state), 0);
}

TEST(Search, a_search_in_which_all_diverge_says_why) {
  const TemporaryFolder folder;
  const Result run = ztilde(folder, {"search", "--data", tables() / "flowers.csv", "--lr", "1e30..1e31",
                                     "--norm", "none", "--optimizer", "sgd", "--trials", "2", "--quiet"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_TRUE(run.err.starts_with("error: no trial was finished, of 2 trials; trial 0: ")) << run.err;
  EXPECT_EQ(lines_of(run.err).size(), 1u);
  const Result timed =
      ztilde(folder, {"search", "--data", tables() / "flowers.csv", "--lr", "1e30..1e31", "--norm", "none",
                      "--optimizer", "sgd", "--study", "timed", "--time", "0.001s", "--quiet"});
  EXPECT_EQ(timed.exit_code, 3) << timed.err;
}

}  // namespace
}  // namespace ztilde::cli_test
