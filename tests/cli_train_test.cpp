// The program from rows to a model: what it writes, prints, and how it can be stopped.
#include <gtest/gtest.h>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

TEST(Train, prints_one_json_object_with_the_keys_of_the_contract) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const Result run = ztilde(folder, quick_train("flowers.csv", {"--json"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(lines_of(run.out).size(), 1u);
  const auto object = parsed(run.out);
  for (const char* key : {"rows", "parameters", "epochs", "steps", "train_loss", "valid_loss",
                          "valid_accuracy", "seconds", "rows_per_second", "model"}) {
    EXPECT_TRUE(object.contains(key)) << key;
  }
  EXPECT_FALSE(object.contains("valid_rmse"));
  EXPECT_EQ(object["model"], "model.ztilde");
  EXPECT_EQ(object["rows"], 216);
  EXPECT_GT(object["valid_accuracy"], 0.9);
}

TEST(Train, leaves_out_of_its_json_what_does_not_apply) {
  const TemporaryFolder folder;
  folder.write("houses.csv", houses());
  const Result run = ztilde(folder, quick_train("houses.csv", {"--json", "--valid-fraction", "0"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto object = parsed(run.out);
  for (const char* key : {"valid_loss", "valid_accuracy", "valid_rmse"})
    EXPECT_FALSE(object.contains(key)) << key;
}

TEST(Train, says_what_it_is_about_to_do_and_what_came_of_it) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const Result run = ztilde(folder, quick_train("flowers.csv"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* words : {"240 rows, 2 columns (length, width)", "3 classes", "task: classify, because",
                            "216 for training", "24 for validation", "115 parameters",
                            "216 rows = 14 batches", "of memory", "model.ztilde", "epoch 15/15"}) {
    EXPECT_NE(run.err.find(words), run.err.npos) << words << " is not in\n" << run.err;
  }
  EXPECT_NE(run.out.find("accuracy"), run.out.npos);
  EXPECT_NE(run.out.find("ztilde evaluate model.ztilde"), run.out.npos);
}

TEST(Progress, is_one_line_never_wider_than_the_terminal) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  for (const std::size_t columns : {1u, 12u, 30u, 200u}) {
    Setting setting;
    setting.columns = std::to_string(columns);
    const Result run =
        ztilde(folder, quick_train("flowers.csv", {"--progress", "always", "--force"}), setting);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const std::string redraw = "\r\x1b[K";
    std::size_t redraws = 0;
    for (std::size_t at = run.err.find(redraw); at != run.err.npos; at = run.err.find(redraw, at + 1)) {
      const std::size_t start = at + redraw.size();
      EXPECT_LE(run.err.substr(start, run.err.find_first_of("\r\n", start) - start).size(), columns);
      ++redraws;
    }
    EXPECT_GE(redraws, 15u);
  }
}

TEST(Train, is_quiet_with_quiet) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const Result run = ztilde(folder, quick_train("flowers.csv", {"--quiet", "--progress", "always"}));
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err, "");
}

TEST(Train, writes_the_same_bytes_for_any_number_of_threads) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  for (const char* threads : {"1", "2", "4"}) {
    const Result run =
        ztilde(folder, {"train", "--data", "flowers.csv", "--hidden", "32,16", "--epochs", "3", "--batch",
                        "64", "--dropout", "0.1", "--threads", threads, "--out", threads, "--quiet"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  EXPECT_FALSE(folder.read("1").empty());
  EXPECT_EQ(folder.read("1"), folder.read("2"));
  EXPECT_EQ(folder.read("1"), folder.read("4"));
}

TEST(Train, smooths_labels_and_averages_weights_on_request_and_the_model_tells) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const Result run =
      ztilde(folder, quick_train("flowers.csv", {"--label-smoothing", "0.1", "--average-weights", "0.9",
                                                 "--log", "log.jsonl", "--quiet"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto lines = lines_of(folder.read("log.jsonl"));
  const auto options = parsed(lines.front())["run"]["options"];
  EXPECT_EQ(options["label-smoothing"], "0.1");
  EXPECT_EQ(options["average-weights"], "0.9");
  // An epoch's validation is of the averaged model, as the last one's shows, which is the saved one.
  EXPECT_EQ(parsed(lines[lines.size() - 2])["valid_loss"],
            parsed(lines.back())["result"]["scores"]["log_loss"]);
  for (const auto& [option, value] : {std::pair{"--label-smoothing", "1"}, {"--average-weights", "-0.1"}}) {
    const Result refused = ztilde(folder, quick_train("flowers.csv", {option, value, "--force"}));
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_NE(refused.err.find("is out of range; give a number from 0 to below 1"), std::string::npos)
        << refused.err;
  }
  const Result running = ztilde(
      folder, quick_train("flowers.csv", {"--average-weights", "0.9", "--statistics", "running", "--force"}));
  EXPECT_EQ(running.exit_code, 2);
  EXPECT_NE(running.err.find("leave out --statistics running or --average-weights"), std::string::npos)
      << running.err;
}

TEST(Train, logs_one_json_object_a_line) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const Result run = ztilde(folder, quick_train("flowers.csv", {"--log", "log.jsonl", "--quiet"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto lines = lines_of(folder.read("log.jsonl"));
  ASSERT_GE(lines.size(), 15u);
  const auto last = parsed(lines.back());
  for (const char* key :
       {"step", "epoch", "train_loss", "valid_loss", "valid_accuracy", "lr", "seconds", "rows_per_second"}) {
    EXPECT_TRUE(last.contains(key)) << key;
  }
  EXPECT_EQ(last["epoch"], 15);
  const auto first = parsed(lines.front());
  for (const char* key : {"command", "version", "machine", "data", "network", "options", "seed"})
    EXPECT_TRUE(first["run"].contains(key)) << key;
  EXPECT_EQ(first["run"]["network"].size(), 5u);
  EXPECT_EQ(last["result"]["scores"]["rows"], 24);
  EXPECT_EQ(last["result"]["confusion"].size(), 3u);
  EXPECT_FALSE(parsed(lines[lines.size() - 2]).contains("result"));
}

TEST(Train, that_cannot_write_its_log_exits_with_1_and_leaves_no_model) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const Result run = ztilde(folder, quick_train("flowers.csv", {"--log", "/dev/full", "--quiet"}));
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_TRUE(run.err.starts_with("error: /dev/full: cannot be written")) << run.err;
  EXPECT_EQ(lines_of(run.err).size(), 1u);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(folder.files(), 1u);
}

TEST(Train, that_diverges_exits_with_3_and_leaves_no_model) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const std::vector<std::string> diverge = {"train",       "--data", "flowers.csv", "--norm", "none",
                                            "--optimizer", "sgd",    "--lr",        "1e35",   "--quiet"};
  // In the middle, and in the one step that no other sees.
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, {"--epochs", "1", "--batch", "1000"}}) {
    std::vector<std::string> arguments = diverge;
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result run = ztilde(folder, arguments);
    EXPECT_EQ(run.exit_code, 3);
    EXPECT_TRUE(run.err.starts_with("error: training diverged at step ")) << run.err;
    EXPECT_EQ(lines_of(run.err).size(), 1u);
    EXPECT_EQ(folder.files(), 1u);
  }
}

TEST(Train, overwrites_with_force_only) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  folder.write("model.ztilde", "old");
  EXPECT_EQ(ztilde(folder, quick_train("flowers.csv", {"--quiet"})).exit_code, 2);
  EXPECT_EQ(folder.read("model.ztilde"), "old");
  EXPECT_EQ(ztilde(folder, quick_train("flowers.csv", {"--quiet", "--force"})).exit_code, 0);
  EXPECT_NE(folder.read("model.ztilde"), "old");
}

TEST(Train, takes_options_from_a_config_file_and_the_command_line_wins) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  folder.write("run.toml",
               "# a comment\n"
               "data = \"flowers.csv\"  # another\n"
               "hidden = [8,\n  4]\n"
               "epochs = 7\n"
               "norm-place = 'after'\n"
               "quiet = true\n");
  const Result run = ztilde(folder, {"train", "--config", "run.toml", "--epochs", "2", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(parsed(run.out)["epochs"], 2);
  const auto options =
      parsed(ztilde(folder, {"inspect", "model.ztilde", "--json"}).out)["training"]["options"];
  EXPECT_EQ(options["hidden"], "8,4");
  EXPECT_EQ(options["norm-place"], "after");
  EXPECT_EQ(options["epochs"], "2");
}

TEST(Train, without_hidden_layers_is_logistic_regression) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  for (const std::string hidden : {"--hidden=", "--hidden=none"}) {
    const Result run = ztilde(
        folder, {"train", "--data", "flowers.csv", hidden, "--epochs", "2", "--json", "--quiet", "--force"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(parsed(run.out)["parameters"], 2 * 3 + 3);
  }
}

TEST(Train, reads_a_network_that_inspect_printed) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  ASSERT_EQ(ztilde(folder, quick_train("flowers.csv", {"--quiet"})).exit_code, 0);
  const Result printed = ztilde(folder, {"inspect", "model.ztilde", "--network"});
  folder.write("net.json", printed.out);
  const Result run = ztilde(folder, {"train", "--data", "flowers.csv", "--net", "net.json", "--epochs", "2",
                                     "--out", "again", "--quiet"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(ztilde(folder, {"inspect", "again", "--network"}).out, printed.out);
}

TEST(Train, reads_standard_input) {
  const TemporaryFolder folder;
  Setting setting;
  setting.standard_input = folder.write("flowers.csv", flowers());
  const Result run = ztilde(folder, quick_train("-", {"--quiet"}), setting);
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

// Sends the signal as soon as the training has logged something.
Result interrupted(const TemporaryFolder& folder, int signal) {
  Setting setting;
  setting.meanwhile = [&](pid_t process) {
    for (int i = 0; i < 1000 && folder.read("log").empty(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::kill(process, signal);
  };
  return ztilde(folder,
                {"train", "--data", "flowers.csv", "--hidden", "16", "--epochs", "100000000", "--log", "log",
                 "--threads", "1", "--json"},
                setting);
}

TEST(Interruption, keeps_a_model_that_loads_and_exits_with_130_or_143) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const TemporaryFolder folder;
    folder.write("flowers.csv", flowers());
    const Result run = interrupted(folder, signal);
    EXPECT_EQ(run.exit_code, 128 + signal);
    EXPECT_NE(run.err.find("interrupted after"), run.err.npos) << run.err;
    EXPECT_EQ(parsed(run.out)["interrupted"], true) << run.out;
    EXPECT_EQ(ztilde(folder, {"evaluate", "model.ztilde", "--data", "flowers.csv"}).exit_code, 0);
    EXPECT_EQ(folder.files(), 3u);  // rows, log, model
  }
}

}  // namespace
}  // namespace ztilde::cli_test
