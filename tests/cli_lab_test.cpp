// ztilde lab, through the program: the list, runs, what they write, and what is refused.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

TEST(Lab, without_a_name_lists_the_experiments_and_their_time) {
  const TemporaryFolder folder;
  const Result run = ztilde(folder, {"lab"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.err, "");
  const auto object = parsed(ztilde(folder, {"lab", "--json"}).out);
  ASSERT_GE(object["experiments"].size(), 6u);
  for (const auto& each : object["experiments"])
    EXPECT_NE(run.out.find("  " + each["experiment"].get<std::string>() + " "), std::string::npos) << each;
  EXPECT_EQ(folder.files(), 0u);
}

TEST(Lab, names_the_nearest_experiment_and_writes_nothing_where_the_command_is_wrong) {
  const TemporaryFolder folder;
  folder.write("t.csv", flowers());
  folder.write("few.csv", flowers(30));
  struct Case {
    std::vector<std::string> arguments;
    std::string line;
  };
  for (const Case& each : {
           Case{{"bolws"}, "bolws: unknown experiment; did you mean bowls?"},
           Case{{"bowls", "--target", "species"},
                "--target: does not go with the lab's own rows; add --data"},
           Case{{"identity", "--data", "t.csv"},
                "identity: runs on rows of the lab's own only; leave it out, or leave --data out"},
           Case{{"bowls", "--data", "few.csv"},
                "few.csv: 30 rows are too few to compare anything; the lab wants at least 100"},
           Case{{"bowls", "--out", "t.csv"}, "t.csv: is no folder; choose another --out"},
       }) {
    std::vector<std::string> arguments = {"lab"};
    arguments.insert(arguments.end(), each.arguments.begin(), each.arguments.end());
    const Result run = ztilde(folder, arguments);
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err.substr(run.err.rfind("error: ")), "error: " + each.line + "\n");
    EXPECT_EQ(folder.files(), 2u);
  }
}

const TemporaryFolder& with_quick_runs() {
  static const TemporaryFolder folder;
  static const Result run = ztilde(folder, {"lab", "bowls", "identity", "--quick", "--json"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  static const auto object = parsed(run.out);
  EXPECT_EQ(object["experiments"].size(), 2u);
  for (const auto& each : object["experiments"]) {
    EXPECT_TRUE(each["quick"]);
    EXPECT_EQ(parsed(folder.read(each["file"]))["verdict"], each["verdict"]);
  }
  EXPECT_EQ(object["page"], "lab/lab.html");
  return folder;
}

TEST(Lab, writes_a_file_for_each_experiment_and_a_page_with_a_section_for_each) {
  const TemporaryFolder& folder = with_quick_runs();
  const std::string page = folder.read("lab/lab.html");
  for (const std::string name : {"bowls", "identity"}) {
    EXPECT_NE(page.find("\"id\":\"" + name + "\""), std::string::npos) << name;
    const auto document = parsed(folder.read("lab/" + name + ".json"));
    EXPECT_EQ(document["experiment"], name);
    EXPECT_TRUE(document["quick"]);
    EXPECT_TRUE(document["points"].is_object());
  }
  EXPECT_NE(page.find("quick version"), std::string::npos);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "lab"), {}), 3);
}

TEST(Lab, keeps_earlier_experiments_on_the_page_and_overwrites_none_unasked) {
  const TemporaryFolder& folder = with_quick_runs();
  const std::string before = folder.read("lab/identity.json");
  const Result refused = ztilde(folder, {"lab", "bowls", "--quick"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.err,
            "error: lab/bowls.json: exists already; choose another name, or overwrite it with --force\n");
  const Result again = ztilde(folder, {"lab", "bowls", "--quick", "--seed", "1", "--force"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(parsed(folder.read("lab/bowls.json"))["seed"], 1);
  EXPECT_EQ(folder.read("lab/identity.json"), before);
  EXPECT_NE(folder.read("lab/lab.html").find("\"id\":\"identity\""), std::string::npos);
  EXPECT_NE(again.out.find("bowls "), std::string::npos);
  EXPECT_NE(again.out.find("page        lab/lab.html"), std::string::npos);
}

TEST(Lab, runs_on_rows_of_the_users_own) {
  const TemporaryFolder folder;
  folder.write("houses.csv", houses(400));
  const Result run = ztilde(folder, {"lab", "bowls", "--quick", "--data", "houses.csv", "--target", "price"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  const auto document = parsed(folder.read("lab/bowls.json"));
  EXPECT_EQ(document["data"], "houses.csv");
  EXPECT_NE(document["ran"].get<std::string>().find("is price above its median?"), std::string::npos);
}

TEST(Lab, interrupted_keeps_what_is_finished) {
  const TemporaryFolder folder;
  Setting setting;
  setting.meanwhile = [&](pid_t process) {
    // As soon as the first experiment is on the page, or the program has ended without it.
    siginfo_t ended{};
    while (!std::filesystem::exists(folder / "lab/lab.html") && ended.si_pid == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ::waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOHANG | WNOWAIT);
    }
    ::kill(process, SIGINT);
  };
  const Result run = ztilde(folder, {"lab", "identity", "placement", "--quick"}, setting);
  EXPECT_EQ(run.exit_code, 130);
  EXPECT_NE(run.err.find("interrupted; 1 experiment kept, not run: placement"), std::string::npos) << run.err;
  EXPECT_TRUE(std::filesystem::exists(folder / "lab/identity.json"));
  EXPECT_FALSE(std::filesystem::exists(folder / "lab/placement.json"));
  EXPECT_NE(run.out.find("identity "), std::string::npos);
}

}  // namespace
}  // namespace ztilde::cli_test
