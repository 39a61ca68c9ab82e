// Whatever is wrong with what the program is given: its exit code, one line that says where, what and
// what to do, nothing on stdout, and every file as it was.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "tests/cli_test_support.hpp"
#include "tests/refusal_cases.hpp"

namespace ztilde::cli_test {
namespace {

// Rows, images and labels, a model, a folder, a pipe without a writer.
void fill(const TemporaryFolder& folder) {
  std::string table = "a,b,y\n";
  for (int i = 0; i < 30; ++i) {
    table += std::to_string(i) + "," + std::to_string(i * 7 % 5) + "," + "uvw"[i % 3] + "\n";
  }
  folder.write("t.csv", table);
  folder.write("images", idx({6, 2, 2}, 24));
  folder.write("labels", idx({6}, 6));
  folder.write("old", "kept");
  std::filesystem::create_directory(folder / "folder");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const Result run =
      ztilde(folder, {"train", "--data", "t.csv", "--epochs", "1", "--hidden", "4", "--out", "m", "--quiet"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
}

std::map<std::string, std::string> contents(const TemporaryFolder& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename();
    all[name] = entry.is_regular_file() ? folder.read(name) : "";
  }
  return all;
}

TEST(Refusals, say_where_and_what_in_one_line_and_leave_everything_as_it_was) {
  const TemporaryFolder folder;
  fill(folder);
  ASSERT_FALSE(HasFatalFailure());
  for (const Refusal& refusal : refusals()) {
    std::string command = "ztilde";
    for (const std::string& argument : refusal.arguments) command += " " + argument;
    SCOPED_TRACE(command);
    const bool needed = std::ranges::find(refusal.arguments, "bad") != refusal.arguments.end();
    if (needed) folder.write("bad", refusal.bad);
    const auto before = contents(folder);
    const Result run = ztilde(folder, refusal.arguments);
    EXPECT_EQ(run.exit_code, refusal.exit_code);
    EXPECT_EQ(run.err, "error: " + refusal.line + "\n");
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(contents(folder), before);
    std::filesystem::remove(folder / "bad");
  }
}

TEST(Refusals, are_many) { EXPECT_GE(refusals().size(), 60u); }

TEST(Refusals, of_a_model_cut_anywhere_say_so_in_one_line) {
  const TemporaryFolder folder;
  fill(folder);
  ASSERT_FALSE(HasFatalFailure());
  const std::string model = folder.read("m");
  for (std::size_t size = 0; size < model.size(); size += model.size() / 9) {
    folder.write("cut", model.substr(0, size));
    const Result run = ztilde(folder, {"predict", "cut", "--data", "t.csv"});
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_TRUE(run.err.starts_with("error: cut: not a ")) << run.err;
    EXPECT_EQ(lines_of(run.err).size(), 1u);
    EXPECT_EQ(run.out, "");
  }
}

}  // namespace
}  // namespace ztilde::cli_test
