// How much memory there is: what cannot fit is refused, for a system that promises more memory
// than it has ends whoever uses the promise.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ztilde {

struct MemoryLimit {
  std::size_t bytes = 0;
  std::string_view words;  // "this machine has": what a message says before the number
};

// The least of this machine's memory, what its container or control group (version 1 or 2, with all
// above it) may take, and this process's own limits of `ulimit -v` and `ulimit -d`.
MemoryLimit memory_limit();

// The limit of control groups, as the files under `root` tell it ("" for those of the system); the
// largest number where there is none.
std::size_t control_group_limit(const std::string& root);

}  // namespace ztilde
