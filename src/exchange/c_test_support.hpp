// Runs the C compiler that was there when the tests were configured.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/test_support.hpp"

namespace ztilde {

// All warnings that a careful user may have, as errors.
inline constexpr const char* kStrictC =
    "-std=c99 -Wall -Wextra -pedantic -Wshadow -Wconversion -Wmissing-prototypes -Werror";

struct Said {
  int exit_code = -1;
  std::string text;  // on both streams
};

inline Said run_in(const TemporaryFolder& folder, const std::string& command) {
  std::FILE* pipe = ::popen(("cd '" + folder.path() + "' && { " + command + "; } 2>&1").c_str(), "r");
  Said said;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) said.text += static_cast<char>(c);
  const int status = ::pclose(pipe);
  said.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return said;
}

// arguments: "-O1 a.c -o a -lm"
inline Said compile_c(const TemporaryFolder& folder, const std::string& arguments) {
  return run_in(folder, std::string(ZTILDE_CC) + " " + kStrictC + " " + arguments);
}

}  // namespace ztilde
