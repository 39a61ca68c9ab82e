// Runs the real program in a folder of its own and keeps what it said.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/test_support.hpp"

namespace ztilde::cli_test {

struct Result {
  int exit_code = -1;  // 128 + signal where one ended it
  std::string out, err;
  long peak_kilobytes = 0;  // the most memory it had
};

struct Setting {
  std::string standard_input = "/dev/null";
  std::string standard_output;  // a file to open for writing, instead of keeping it
  bool close_output = false;
  std::string columns;  // of the terminal, as the environment says
  std::string fault;    // of tests/faults.cpp: "3:kill"
  // Called with the process's id while it runs.
  std::function<void(pid_t)> meanwhile;
};

inline std::string content_of(std::FILE* file) {
  std::string text;
  std::rewind(file);
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

inline Result ztilde(const TemporaryFolder& folder, std::vector<std::string> arguments,
                     const Setting& setting = {}) {
  std::FILE* out = std::tmpfile();
  std::FILE* err = std::tmpfile();
  arguments.insert(arguments.begin(), ZTILDE_PROGRAM);
  std::vector<char*> texts;
  for (std::string& argument : arguments) texts.push_back(argument.data());
  texts.push_back(nullptr);

  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(folder.path().c_str()) != 0) ::_exit(126);
    ::dup2(::open(setting.standard_input.c_str(), O_RDONLY), STDIN_FILENO);
    const bool redirected = !setting.standard_output.empty();
    ::dup2(redirected ? ::open(setting.standard_output.c_str(), O_WRONLY) : ::fileno(out), STDOUT_FILENO);
    ::dup2(::fileno(err), STDERR_FILENO);
    if (!setting.columns.empty()) ::setenv("COLUMNS", setting.columns.c_str(), 1);
    if (!setting.fault.empty()) {
      ::setenv("ZTILDE_FAULT", setting.fault.c_str(), 1);
      ::setenv("LD_PRELOAD", ZTILDE_FAULTS, 1);
      // A sanitised program would want its own library to be the first.
      ::setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
    }
    if (setting.close_output) ::close(STDOUT_FILENO);
    ::execv(ZTILDE_PROGRAM, texts.data());
    ::_exit(127);
  }
  if (setting.meanwhile) setting.meanwhile(child);
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  Result run;
  run.peak_kilobytes = usage.ru_maxrss;
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  run.out = content_of(out);
  run.err = content_of(err);
  return run;
}

inline nlohmann::json parsed(const std::string& text) { return nlohmann::json::parse(text, nullptr, false); }

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

// Three clouds of points that a small network tells apart.
inline std::string flowers(int rows = 240) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0, 0.3);
  const char* names[] = {"setosa", "\"vir,ginica\"", "versi color"};
  std::string text = "length,width,species\n";
  for (int r = 0; r < rows; ++r) {
    const int kind = r % 3;
    text += std::to_string(2 * kind + noise(random)) + "," + std::to_string(noise(random) - kind) + "," +
            names[kind] + "\n";
  }
  return text;
}

// price = 100 + 30 a - 20 b and a little noise.
inline std::string houses(int rows = 240) {
  std::mt19937 random(8);
  std::normal_distribution<double> normal(0, 1);
  std::string text = "a,b,price\n";
  for (int r = 0; r < rows; ++r) {
    const double a = normal(random), b = normal(random);
    text += std::to_string(a) + "," + std::to_string(b) + "," +
            std::to_string(100 + 30 * a - 20 * b + normal(random)) + "\n";
  }
  return text;
}

// A quick training on `data`, with more options behind it.
inline std::vector<std::string> quick_train(const std::string& data, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"train",    "--data",    data,      "--hidden", "16",
                                        "--epochs", "15",        "--batch", "16",       "--lr",
                                        "0.02",     "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace ztilde::cli_test
