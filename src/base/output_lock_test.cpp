#include "base/output_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/test_support.hpp"

namespace ztilde {
namespace {

namespace fs = std::filesystem;

// A process that has ended; its id is nobody's for a while.
pid_t dead_process(const std::function<void()>& last_deed = [] {}) {
  const pid_t child = ::fork();
  if (child == 0) {
    last_deed();
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return child;
}

TEST(OutputLock, refuses_a_second_holder_by_the_firsts_process_id_and_leaves_nothing) {
  const TemporaryFolder folder;
  {
    const OutputLock first(folder / "out");
    const OutputLock other(folder / "other");
    EXPECT_EQ(failure(folder, [&] { const OutputLock second(folder / "out"); }),
              "data: out: process " + std::to_string(::getpid()) +
                  " is writing it; wait for its end, or choose another name");
  }
  EXPECT_EQ(folder.files(), 0u);
  const OutputLock again(folder / "out");
}

TEST(OutputLock, knows_a_file_by_any_name) {
  const TemporaryFolder folder;
  fs::create_symlink("out", folder / "link");
  const OutputLock first(folder / "link");
  EXPECT_NE(failure(folder, [&] { const OutputLock second(folder / "out"); }), "no error");
  EXPECT_NE(failure(folder, [&] { const OutputLock second(folder / "./out"); }), "no error");
}

TEST(OutputLock, of_a_killed_holder_is_no_obstacle) {
  const TemporaryFolder folder;
  dead_process([&] { new OutputLock(folder / "out"); });
  ASSERT_EQ(folder.files(), 1u);
  { const OutputLock next(folder / "out"); }
  EXPECT_EQ(folder.files(), 0u);
}

TEST(OutputLock, takes_a_name_as_long_as_a_name_can_be) {
  const TemporaryFolder folder;
  const OutputLock lock(folder / std::string(255, 'x'));
  EXPECT_EQ(folder.files(), 1u);
}

TEST(OutputLock, leaves_devices_alone_and_says_that_a_folder_is_missing) {
  const TemporaryFolder folder;
  const OutputLock one("/dev/null"), two("/dev/null");
  EXPECT_EQ(failure(folder, [&] { const OutputLock lock(folder / "none/out"); }),
            "io: none/out: cannot be written (No such file or directory); choose another folder");
}

TEST(StaleTemporaries, go_where_their_writer_is_dead_and_stay_where_somebody_may_use_them) {
  const TemporaryFolder folder;
  const std::string dead = std::to_string(dead_process()), alive = std::to_string(::getpid());
  const std::string left = folder.write(".ztilde-" + dead + "-0.tmp", "half");
  folder.write(".ztilde-" + alive + "-7.tmp", "being written");
  // A writer of another container, whose id means nothing here, holds its lock.
  const std::string held = folder.write(".ztilde-" + dead + "-1.tmp", "being written");
  const int holder = ::open(held.c_str(), O_RDONLY);
  ASSERT_EQ(::flock(holder, LOCK_EX), 0);
  // Not of ours.
  const std::vector<std::string> others = {".ztilde-" + dead + ".tmp", ".ztilde-x-0.tmp",
                                           ".ztilde-" + dead + "-0.txt", "model.tmp", ".ztilde--1-0.tmp"};
  for (const std::string& name : others) {
    folder.write(name, "a user's");
  }
  ASSERT_EQ(folder.files(), 8u);
  const OutputLock lock(folder / "out");
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(held));
  EXPECT_EQ(folder.files(), 7u + 1);  // and the lock
  ::close(holder);
  remove_stale_temporaries(folder.path());
  EXPECT_FALSE(fs::exists(held));
}

TEST(StaleTemporaries, are_what_a_killed_write_leaves) {
  const TemporaryFolder folder;
  dead_process([&] {
    // The signal of a full disk quota ends the writer in the middle.
    const rlimit small{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &small);
    write_file_atomically(folder / "out", std::string(5000, 'x'));
  });
  ASSERT_EQ(folder.files(), 1u);
  remove_stale_temporaries(folder.path());
  EXPECT_EQ(folder.files(), 0u);
}

}  // namespace
}  // namespace ztilde
