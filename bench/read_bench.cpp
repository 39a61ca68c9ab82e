// How fast a table is read, and in how much memory: read_bench TABLE.csv [THREADS]. 0 threads: all cores.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "ztilde/dataset.hpp"
#include "ztilde/error.hpp"

namespace {

constexpr double kMega = 1e6;

double peak_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);  // Linux counts kilobytes
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2 || count > 3) {
    std::fputs("usage: read_bench TABLE.csv [THREADS]\n", stderr);
    return 2;
  }
  try {
    const double before = peak_bytes();
    const auto start = std::chrono::steady_clock::now();
    ztilde::CsvOptions options;
    options.threads = count == 3 ? std::strtoul(arguments[2], nullptr, 10) : 0;
    const ztilde::Dataset data = ztilde::read_csv(arguments[1], options);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto bytes = static_cast<double>(std::filesystem::file_size(arguments[1]));
    const auto parsed = static_cast<double>(sizeof(float) * (data.floats.size() + data.targets.size()));
    fmt::print("{} rows, {} columns, {:.1f} MB in {:.2f} s: {:.0f} MB/s, {:.0f} rows/s\n", data.rows,
               data.columns + 1, bytes / kMega, seconds, bytes / kMega / seconds,
               static_cast<double>(data.rows) / seconds);
    fmt::print("parsed floats {:.1f} MB, peak memory {:.1f} MB ({:.1f} MB before reading): {:.2f} times\n",
               parsed / kMega, peak_bytes() / kMega, before / kMega, peak_bytes() / parsed);
  } catch (const ztilde::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}
