#include "base/memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>

namespace ztilde {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

std::size_t physical_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return kNoLimit;
  return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page);
}

std::size_t process_limit() {
  std::size_t least = kNoLimit;
  for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit limit{};
    if (::getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
      least = std::min(least, static_cast<std::size_t>(limit.rlim_cur));
  }
  return least;
}

// The number in a file; "max", no number or no file is no limit.
std::size_t number_in(const std::string& path) {
  std::string text;
  std::ifstream(path) >> text;
  std::size_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end != text.data() ? number : kNoLimit;
}

// The least number in `file` of a group's folder and of those above it, up to `top`.
std::size_t least_upwards(const std::string& top, std::string group, const std::string& file) {
  std::size_t least = number_in(top + "/" + file);
  while (group.size() > 1) {
    least = std::min(least, number_in(top + group + "/" + file));
    group.erase(group.find_last_of('/'));
  }
  return least;
}

}  // namespace

std::size_t control_group_limit(const std::string& root) {
  std::size_t least = kNoLimit;
  std::ifstream groups(root + "/proc/self/cgroup");
  // Lines "NUMBER:CONTROLLERS:/GROUP"; version 2 has number 0 and names no controllers.
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1), top = root + "/sys/fs/cgroup";
    if (controllers == ",,") {
      least = std::min(least, least_upwards(top, group, "memory.max"));
    } else if (controllers.find(",memory,") != controllers.npos) {
      least = std::min(least, least_upwards(top + "/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

MemoryLimit memory_limit() {
  MemoryLimit limit{physical_memory(), "this machine has"};
  const auto lower = [&](std::size_t bytes, std::string_view words) {
    if (bytes < limit.bytes) limit = {bytes, words};
  };
  lower(control_group_limit(""), "this container may take");
  lower(process_limit(), "this process may take");
  return limit;
}

}  // namespace ztilde
