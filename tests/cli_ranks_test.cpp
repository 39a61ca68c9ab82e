// The program as one of several ranks: who speaks, and what an environment means.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/test_support.hpp"

namespace ztilde {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Said {
  int exit_code = -1;
  std::string out, err;
};

// A command of the shell in the folder; "ztilde" in it stands for the program.
Said shell(const TemporaryFolder& folder, std::string command) {
  const std::string word = "ztilde";
  for (auto at = command.find(word); at != command.npos; at = command.find(word, at + 1)) {
    command.replace(at, word.size(), ZTILDE_PROGRAM);
    at += std::string(ZTILDE_PROGRAM).size();
  }
  const int status =
      std::system(("cd " + folder.path() + " && " + command + " >out 2>err </dev/null").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, folder.read("out"), folder.read("err")};
}

std::string as_rank(int rank, int count) {
  const std::string of = std::to_string(rank);
  return "OMPI_COMM_WORLD_RANK=" + of + " OMPI_COMM_WORLD_LOCAL_RANK=" + of +
         " OMPI_COMM_WORLD_SIZE=" + std::to_string(count) + " ";
}

TEST(CliRanks, a_verb_that_is_not_for_ranks_is_refused_by_rank_0_alone) {
  const TemporaryFolder folder;
  const Said first = shell(folder, as_rank(0, 2) + "ztilde evaluate x"),
             second = shell(folder, as_rank(1, 2) + "ztilde evaluate x");
  EXPECT_EQ(first.exit_code, 2);
  EXPECT_EQ(first.err,
            "error: evaluate: cannot be done by 2 ranks; start it without mpirun (train and search can)\n");
  EXPECT_EQ(second.exit_code, 0);
  EXPECT_EQ(second.out + second.err, "");
}

TEST(CliRanks, help_and_version_come_from_rank_0_alone) {
  const TemporaryFolder folder;
  for (const char* command : {"ztilde --version", "ztilde", "ztilde train --help", "ztilde nonsense"}) {
    EXPECT_NE(shell(folder, as_rank(0, 3) + command).exit_code, 1) << command;
    const Said other = shell(folder, as_rank(2, 3) + command);
    EXPECT_EQ(other.exit_code, 0) << command;
    EXPECT_EQ(other.out + other.err, "") << command;
  }
}

TEST(CliRanks, slurm_alone_a_lone_rank_and_nonsense_are_no_ranks) {
  const TemporaryFolder folder;
  for (const char* environment :
       {"SLURM_PROCID=1 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4 ",
        "OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=1 ", "PMIX_RANK=1 ", "PMI_RANK=x PMI_SIZE=2 ",
        "PMI_RANK=2 PMI_SIZE=2 ", "PMI_RANK=1 PMI_SIZE=-2 "}) {
    EXPECT_EQ(shell(folder, environment + std::string("ztilde --version")).out, "ztilde " ZTILDE_VERSION "\n")
        << environment;
  }
  for (const char* environment : {"PMI_RANK=1 PMI_SIZE=2 ", "PMIX_RANK=1 SLURM_STEP_NUM_TASKS=2 "})
    EXPECT_EQ(shell(folder, environment + std::string("ztilde --version")).out, "") << environment;
}

TEST(CliRanks, without_the_component_one_line_a_host_says_so) {
  const TemporaryFolder folder;
  namespace fs = std::filesystem;
  // Beside this copy of the library there is no component.
  const fs::path build = fs::path(ZTILDE_PROGRAM).parent_path().parent_path();
  fs::copy(build / "libztilde.so.0", folder / "libztilde.so.0");
  const std::string alone = "LD_LIBRARY_PATH=. ";
  const Said first = shell(folder, alone + as_rank(0, 2) + "ztilde train --data none.csv");
  EXPECT_EQ(first.exit_code, 2);
  EXPECT_THAT(first.err, StartsWith("error: rank 0 ("));
  EXPECT_THAT(first.err, HasSubstr("started as several ranks, but this ztilde was built without MPI"));
  EXPECT_EQ(shell(folder, alone + as_rank(1, 2) + "ztilde train --data none.csv").err, "");
}

#ifdef ZTILDE_WITH_RANKS
constexpr const char* kRanks = ZTILDE_SOURCE_DIR "/tests/with_ranks.sh ";

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(CliRanks, what_all_ranks_do_wrong_is_said_once) {
  const TemporaryFolder folder;
  const Said said = shell(folder, std::string(kRanks) + "3 ztilde train --data none.csv --target x");
  if (said.exit_code == 77) GTEST_SKIP() << said.out;
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_EQ(count_of(said.err, "error: "), 1) << said.err;
  EXPECT_THAT(said.err, StartsWith("error: none.csv: "));
}

TEST(CliRanks, what_one_rank_does_wrong_is_said_once_and_names_it) {
  const TemporaryFolder folder;
  const Said said = shell(folder, std::string(kRanks) + "1 ztilde train --bad : -n 1 ztilde train --worse");
  if (said.exit_code == 77) GTEST_SKIP() << said.out;
  EXPECT_EQ(said.exit_code, 2);
  EXPECT_EQ(count_of(said.err, "error: "), 1) << said.err;
  EXPECT_THAT(said.err, StartsWith("error: rank 0 ("));
  EXPECT_THAT(said.err, HasSubstr("--bad: unknown option; see ztilde train --help (and 1 rank more)\n"));
}
#endif

}  // namespace
}  // namespace ztilde
