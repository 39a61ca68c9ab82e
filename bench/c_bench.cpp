// One row through Predictor and through C sources as shared libraries, for bench/c_bench.py: each line that
// it reads is the number of a contestant, which then runs for a while; the answer is the median of its calls.
//   c_bench MODEL SECONDS LIBRARY…        LIBRARY: PATH:FUNCTION:SCRATCH, of "FUNCTION(row, outputs,
//   scratch)"
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "sampling.hpp"
#include "ztilde/error.hpp"
#include "ztilde/model.hpp"

namespace {

using ztilde::Model;
using Clock = std::chrono::steady_clock;
using Run = std::function<void(const float* row, float* outputs)>;
using Outputs = void(const float*, float*, float*);

struct Source {
  std::string path, function;
  std::size_t scratch = 0;
};

Source parse(const std::string& text) {
  const std::size_t last = text.rfind(':'), first = text.rfind(':', last - 1);
  return {text.substr(0, first), text.substr(first + 1, last - first - 1), std::stoul(text.substr(last + 1))};
}

Run run_of(const Source& source) {
  void* const library = ::dlopen(source.path.c_str(), RTLD_NOW);
  if (!library) throw std::runtime_error(::dlerror());
  auto* const outputs = reinterpret_cast<Outputs*>(::dlsym(library, source.function.c_str()));
  if (!outputs) throw std::runtime_error(::dlerror());
  return [outputs, scratch = std::vector<float>(source.scratch)](const float* row, float* to) mutable {
    outputs(row, to, scratch.data());
  };
}

}  // namespace

int main(int count, char** arguments) try {
  const Model model = ztilde::load(arguments[1]);
  const double seconds = std::stod(arguments[2]);
  const std::size_t columns = model.network.inputs, rows = model.test_inputs.size() / columns;
  std::vector<float> found(model.test_outputs.size() / rows);

  ztilde::Predictor predictor(model, 1, 1);
  std::vector<Run> runs = {[&](const float* row, float* to) {
    predictor.run({row, columns}, {to, found.size()});
  }};
  for (int i = 3; i < count; ++i) runs.push_back(run_of(parse(arguments[i])));

  for (std::size_t i; std::cin >> i;) {
    std::vector<double> times;
    const auto begin = Clock::now();
    for (auto now = begin; std::chrono::duration<double>(now - begin).count() < seconds;) {
      runs.at(i)(model.test_inputs.data() + times.size() % rows * columns, found.data());
      const auto end = Clock::now();
      times.push_back(std::chrono::duration<double>(end - now).count());
      now = end;
    }
    std::cout << fmt::format("{:.9f}", ztilde::bench::spread_of(times).median) << std::endl;
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 1;
}
