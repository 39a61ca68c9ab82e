#include "base/memory.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <limits>
#include <string>

#include "base/test_support.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// A folder that looks like a system's root; files are "path: content".
class Root {
 public:
  void set(const std::string& path, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(folder_ / path).parent_path());
    folder_.write(path, content);
  }
  std::size_t limit() const { return control_group_limit(folder_.path()); }

 private:
  TemporaryFolder folder_;
};

TEST(ControlGroupLimit, of_version_2_is_the_least_of_the_group_and_those_above_it) {
  const Root root;
  root.set("proc/self/cgroup", "0::/jobs/one\n");
  EXPECT_EQ(root.limit(), kNoLimit);
  root.set("sys/fs/cgroup/jobs/one/memory.max", "max\n");
  EXPECT_EQ(root.limit(), kNoLimit);
  root.set("sys/fs/cgroup/jobs/memory.max", "2000\n");
  EXPECT_EQ(root.limit(), 2000u);
  root.set("sys/fs/cgroup/jobs/one/memory.max", "1000\n");
  EXPECT_EQ(root.limit(), 1000u);
}

TEST(ControlGroupLimit, inside_a_container_stands_at_the_top) {
  const Root root;
  root.set("proc/self/cgroup", "0::/\n");
  root.set("sys/fs/cgroup/memory.max", "3000\n");
  EXPECT_EQ(root.limit(), 3000u);
}

TEST(ControlGroupLimit, of_version_1_is_that_of_the_memory_controller) {
  const Root root;
  root.set("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/b\n1:name=systemd:/c\n");
  root.set("sys/fs/cgroup/memory/docker/b/memory.limit_in_bytes", "4000\n");
  root.set("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(root.limit(), 4000u);
}

TEST(ControlGroupLimit, is_none_where_the_system_tells_of_none) {
  EXPECT_EQ(control_group_limit("/nonexistent"), kNoLimit);
  const Root root;
  root.set("proc/self/cgroup", "nonsense\n0\n0::\n:::\n");
  EXPECT_EQ(root.limit(), kNoLimit);
}

TEST(MemoryLimit, is_that_of_the_process_where_it_is_the_least) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitiser's own memory is beyond the limit that this sets";
#endif
  const MemoryLimit before = memory_limit();
  EXPECT_GT(before.bytes, 0u);
  rlimit saved{};
  ASSERT_EQ(::getrlimit(RLIMIT_DATA, &saved), 0);
  const rlimit lower{before.bytes - 1, saved.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_DATA, &lower), 0);
  const MemoryLimit limit = memory_limit();
  ::setrlimit(RLIMIT_DATA, &saved);
  EXPECT_EQ(limit.bytes, before.bytes - 1);
  EXPECT_EQ(limit.words, "this process may take");
}

}  // namespace
}  // namespace ztilde
