// Nothing is lost: the program killed at any moment, with a disk that fails at any call, twice at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

// A run of 45 steps.
std::vector<std::string> small_run(std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {
      "train",   "--data", "flowers.csv", "--hidden", "8",     "--dropout",    "0.1",      "--epochs", "5",
      "--batch", "8",      "--quiet",     "--out",    "model", "--checkpoint", "run.ckpt", "--resume"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// The model of a run that nothing happened to, without a checkpoint.
std::string unbroken_model() {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers(80));
  const Result run = ztilde(folder, {"train", "--data", "flowers.csv", "--hidden", "8", "--dropout", "0.1",
                                     "--epochs", "5", "--batch", "8", "--quiet", "--out", "model"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return folder.read("model");
}

std::vector<std::string> names_in(const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

void expect_resumed_to(const std::string& model, const TemporaryFolder& folder, const std::string& what) {
  const Result run = ztilde(folder, small_run({"--threads", "2", "--checkpoint-every", "15"}));
  EXPECT_EQ(run.exit_code, 0) << what << ": " << run.err;
  EXPECT_TRUE(folder.read("model") == model) << what;
  EXPECT_THAT(names_in(folder), testing::ElementsAre("flowers.csv", "model", "run.ckpt")) << what;
}

TEST(Killed, a_hundred_times_at_random_every_run_resumes_to_the_same_model) {
  const std::string model = unbroken_model();
  std::mt19937 random(17);
  std::uniform_int_distribution<int> microseconds(0, 40'000);
  int killed = 0;
  for (int run = 0; killed < 100 && run < 1000; ++run) {
    const TemporaryFolder folder;
    folder.write("flowers.csv", flowers(80));
    Setting setting;
    setting.meanwhile = [&](pid_t process) {
      std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random)));
      ::kill(process, SIGKILL);
    };
    const Result first = ztilde(folder, small_run({"--threads", "1", "--checkpoint-every", "5"}), setting);
    if (first.exit_code != 128 + SIGKILL) continue;  // it was quicker
    ++killed;
    expect_resumed_to(model, folder, "run " + std::to_string(run));
  }
  EXPECT_EQ(killed, 100);
}

// Every call of every save of a run, the model's included: before it and after it.
TEST(Killed, at_any_call_that_saves_a_file_it_resumes_to_the_same_model) {
  const std::string model = unbroken_model();
  int calls = 0;
  for (bool reached = true; reached;) {
    reached = false;
    ++calls;
    for (const char* kind : {":kill", ":after"}) {
      const TemporaryFolder folder;
      folder.write("flowers.csv", flowers(80));
      Setting setting;
      setting.fault = std::to_string(calls) + kind;
      const Result run = ztilde(folder, small_run({"--threads", "1", "--checkpoint-every", "20"}), setting);
      if (!std::filesystem::remove(folder / "fault")) break;
      reached = true;
      EXPECT_EQ(run.exit_code, 128 + SIGKILL) << setting.fault;
      expect_resumed_to(model, folder, setting.fault);
    }
  }
  EXPECT_GT(calls, 4 * 5);  // open, write, fsync, rename, fsync of the folder
}

TEST(FailingDisk, at_any_call_is_told_in_one_line_and_leaves_the_last_good_checkpoint) {
  const std::string model = unbroken_model();
  int calls = 0;
  for (;;) {
    ++calls;
    const TemporaryFolder folder;
    folder.write("flowers.csv", flowers(80));
    Setting setting;
    setting.fault = std::to_string(calls) + ":fail";
    const Result run = ztilde(folder, small_run({"--threads", "1", "--checkpoint-every", "20"}), setting);
    if (!std::filesystem::remove(folder / "fault")) break;
    EXPECT_EQ(run.exit_code, 1) << setting.fault;
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(lines_of(run.err).size(), 1u) << run.err;
    EXPECT_TRUE(run.err.starts_with("error: ")) << run.err;
    for (const std::string& name : names_in(folder)) {
      EXPECT_TRUE(name == "flowers.csv" || name == "run.ckpt" || name == "model") << name;
    }
    expect_resumed_to(model, folder, setting.fault);
  }
  EXPECT_GT(calls, 4 * 5);
}

// Runs until the log has a line, then sends the signal; the run has more steps than anyone waits for.
Result interrupted(const TemporaryFolder& folder, int signal, std::vector<std::string> more = {}) {
  Setting setting;
  setting.meanwhile = [&](pid_t process) {
    for (int i = 0; i < 1000 && folder.read("log").empty(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::kill(process, signal);
  };
  std::vector<std::string> arguments = {"train",       "--data",
                                        "flowers.csv", "--hidden",
                                        "8",           "--epochs",
                                        "1000000",     "--log",
                                        "log",         "--threads",
                                        "1",           "--checkpoint",
                                        "run.ckpt",    "--checkpoint-every",
                                        "1000000"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return ztilde(folder, arguments, setting);
}

TEST(Interruption, saves_a_checkpoint_and_prints_the_command_that_goes_on) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const TemporaryFolder folder;
    folder.write("flowers.csv", flowers());
    const Result run = interrupted(folder, signal, {"--out", "a model"});
    EXPECT_EQ(run.exit_code, 128 + signal) << run.err;
    const std::string last = lines_of(run.err).back();
    EXPECT_EQ(last,
              "to go on: ztilde train --data flowers.csv --hidden 8 --epochs 1000000 --log log --threads 1 "
              "--checkpoint run.ckpt --checkpoint-every 1000000 --out 'a model' --resume");
    EXPECT_THAT(run.err,
                testing::HasSubstr(": all of it is in run.ckpt, the best model so far is in a model"));
    EXPECT_EQ(folder.files(), 4u);  // rows, log, checkpoint, model
    EXPECT_EQ(ztilde(folder, {"evaluate", "a model", "--data", "flowers.csv"}).exit_code, 0);
    const Result again = ztilde(folder, {"evaluate", "run.ckpt", "--data", "flowers.csv"});
    EXPECT_EQ(again.exit_code, 2);
    EXPECT_THAT(again.err, testing::HasSubstr("this is a checkpoint, not yet a model"));
  }
}

TEST(Resume, replaces_its_own_model_and_goes_on_with_its_own_log_and_touches_nobody_elses) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const auto run = [&](const std::string& out, const std::string& log,
                       const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {
        "train", "--data", "flowers.csv", "--hidden",     "8",        "--epochs", "3", "--out",
        out,     "--log",  log,           "--checkpoint", "run.ckpt", "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ztilde(folder, arguments);
  };
  ASSERT_EQ(run("model", "log").exit_code, 0);
  const std::string model = folder.read("model");
  // All but the last line, which tells of the finished model and how long the run took.
  const auto history = [&] {
    const std::string log = folder.read("log");
    EXPECT_TRUE(parsed(lines_of(log).back()).contains("result"));
    return log.substr(0, log.rfind('\n', log.size() - 2) + 1);
  };
  const std::string log = history();
  EXPECT_THAT(run("model", "log").err,
              "error: run.ckpt: exists already; go on from it with --resume, or overwrite it with --force\n");
  // A line that was being written when the run was killed, and one of a step that will be done again.
  folder.write("log", log + "{\"step\":1000,\"epoch\":9}\n{\"step\":2");
  EXPECT_EQ(run("model", "log", {"--resume"}).err, "");
  EXPECT_EQ(history(), log);
  EXPECT_TRUE(folder.read("model") == model);
  folder.write("else", "another's");
  EXPECT_EQ(run("else", "log", {"--resume"}).err,
            "error: else: exists already; choose another name, or overwrite it with --force\n");
  EXPECT_EQ(run("model", "else", {"--resume"}).err,
            "error: else: exists already; choose another name, or overwrite it with --force\n");
  EXPECT_EQ(folder.read("else"), "another's");
}

TEST(Resume, says_where_it_goes_on_and_refuses_what_is_not_its_checkpoint) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const std::vector<std::string> base = {"train",    "--data", "flowers.csv",  "--hidden", "8",
                                         "--epochs", "3",      "--checkpoint", "run.ckpt"};
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = base;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ztilde(folder, arguments);
  };
  EXPECT_THAT(run({"--resume"}).err, testing::HasSubstr("run.ckpt is not there yet: the first step is next"));
  EXPECT_THAT(run({"--resume"}).err, testing::HasSubstr("run.ckpt has 3 of 3 steps behind it"));
  EXPECT_EQ(run({"--resume", "--lr", "0.5"}).exit_code, 2);
  folder.write("flowers.csv", flowers(100));
  EXPECT_THAT(run({"--resume"}).err, testing::HasSubstr("the number of rows was 240 and is 100"));
  const std::string damaged = folder.read("run.ckpt").substr(0, 1000);
  folder.write("run.ckpt", damaged);
  EXPECT_EQ(run({"--resume"}).exit_code, 2);
  EXPECT_EQ(folder.read("run.ckpt"), damaged);
  EXPECT_EQ(ztilde(folder, quick_train("flowers.csv", {"--resume"})).err,
            "error: --resume: given without --checkpoint; name its file\n");
}

TEST(TwoProcesses, on_one_output_the_second_is_refused_by_the_firsts_id) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  std::vector<std::string> refusals;
  std::string process_id;
  Setting setting;
  setting.meanwhile = [&](pid_t process) {
    process_id = std::to_string(process);
    for (int i = 0; i < 1000 && folder.read("log").empty(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const std::vector<std::vector<std::string>> others = {{"--out", "model"},
                                                          {"--out", "other", "--log", "log"},
                                                          {"--out", "other", "--checkpoint", "run.ckpt"}};
    for (const std::vector<std::string>& files : others) {
      std::vector<std::string> second = quick_train("flowers.csv", {"--quiet", "--force"});
      second.insert(second.end(), files.begin(), files.end());
      const Result run = ztilde(folder, second);
      EXPECT_EQ(run.exit_code, 2);
      refusals.push_back(run.err);
    }
    ::kill(process, SIGKILL);
  };
  EXPECT_EQ(ztilde(folder,
                   {"train", "--data", "flowers.csv", "--hidden", "8", "--epochs", "1000000", "--out",
                    "model", "--log", "log", "--checkpoint", "run.ckpt", "--threads", "1", "--quiet"},
                   setting)
                .exit_code,
            128 + SIGKILL);
  const std::string words =
      ": process " + process_id + " is writing it; wait for its end, or choose another name\n";
  EXPECT_THAT(refusals,
              testing::ElementsAre("error: model" + words, "error: log" + words, "error: run.ckpt" + words));
  // The dead one is no obstacle.
  EXPECT_EQ(
      ztilde(folder, quick_train("flowers.csv", {"--quiet", "--out", "model", "--log", "log", "--force"}))
          .exit_code,
      0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// What is said before the first step is what the system counts at the end: within 2 MB and a
// fifth, for the allocator keeps some of what is freed.
TEST(Memory, said_beforehand_is_what_the_run_takes_with_best_model_and_checkpoint) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"train",    "--data", "flowers.csv", "--hidden", "1000,1000,1000",
                                          "--epochs", "1",      "--threads",   "1",        "--force"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ztilde(folder, arguments);
  };
  const long program = ztilde(folder, {"train", "--data", "flowers.csv", "--hidden", "2", "--epochs", "1",
                                       "--threads", "1", "--force", "--quiet"})
                           .peak_kilobytes;
  const std::vector<std::vector<std::string>> cases = {{"--valid-fraction", "0"},
                                                       {},
                                                       {"--optimizer", "sgd"},
                                                       {"--checkpoint", "c", "--resume"},
                                                       {"--checkpoint", "c", "--resume"}};
  for (const std::vector<std::string>& more : cases) {
    const Result done = run(more);
    ASSERT_EQ(done.exit_code, 0) << done.err;
    double said = 0;
    ASSERT_EQ(std::sscanf(done.err.c_str() + done.err.find("needs "), "needs %lf MB", &said), 1) << done.err;
    const double taken = static_cast<double>(done.peak_kilobytes - program) * 1024 / 1e6;
    EXPECT_NEAR(taken, said, 0.2 * said + 2) << done.err;
  }
}
#endif

TEST(Divergence, leaves_the_checkpoint_and_names_its_step) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const Result run = ztilde(
      folder, {"train", "--data", "flowers.csv", "--norm", "none", "--optimizer", "sgd", "--lr", "1e12",
               "--batch", "16", "--quiet", "--checkpoint", "run.ckpt", "--checkpoint-every", "1"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err,
              testing::MatchesRegex("error: training diverged at step [0-9]+: .*; run.ckpt is left as of "
                                    "step [0-9]+\n"));
  EXPECT_EQ(folder.files(), 2u);
}

}  // namespace
}  // namespace ztilde::cli_test
