// Stand-alone batch norm against memcpy of the same tensor and oneDNN's own primitive, all in turn
// within each round of one run; prints medians of the rounds' ratios, and their quartiles.
//   batch_norm_bench [SHAPES_FILE] [threads] [rounds] [offset]
// Tensors begin `offset` floats after a cache line: 0, as in tensor libraries; 4 is std::vector's.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "ztilde/batch_norm.hpp"

namespace {

using ztilde::ActivationKind;
namespace bn = ztilde::batch_norm;

constexpr double kEpsilon = 1e-5;

class Tensor {
 public:
  Tensor(std::size_t size, std::size_t offset) : values_(size + 32), size_(size) {
    void* line = values_.data();
    std::size_t space = values_.size() * sizeof(float);
    data_ = static_cast<float*>(std::align(64, 64, line, space)) + offset;
  }
  float* data() { return data_; }
  float* begin() { return data_; }
  float* end() { return data_ + size_; }
  std::size_t size() const { return size_; }

 private:
  std::vector<float> values_;
  std::size_t size_;
  float* data_;
};

struct Tensors {
  std::size_t rows, channels;
  Tensor x, y, d_y, d_x;
  std::vector<float> gamma, beta, d_gamma, d_beta;
  std::vector<double> mean, variance;

  Tensors(std::size_t rows_, std::size_t channels_, std::size_t offset)
      : rows(rows_),
        channels(channels_),
        x(rows * channels, offset),
        y(x.size(), offset),
        d_y(x.size(), offset),
        d_x(x.size(), offset),
        gamma(channels, 1.5f),
        beta(channels, 0.25f),
        d_gamma(channels),
        d_beta(channels),
        mean(channels),
        variance(channels) {
    std::minstd_rand random(1);
    for (float& v : x) v = static_cast<float>(random()) * 0x1p-30f;
    for (float& v : d_y) v = static_cast<float>(random()) * 0x1p-30f - 1;
  }
  bn::View view(Tensor& v) const { return {v.data(), rows, channels}; }
};

// oneDNN's batch normalisation with relu fused, channels last. The rows are `images` images.
class OneDnn {
 public:
  OneDnn(Tensors& t, std::size_t images) : scale_shift_(2 * t.channels), d_scale_shift_(2 * t.channels) {
    using namespace dnnl;
    const auto n = static_cast<memory::dim>(images), c = static_cast<memory::dim>(t.channels);
    const memory::dims dims{n, c, static_cast<memory::dim>(t.rows) / n, 1};
    const memory::desc data(dims, memory::data_type::f32, memory::format_tag::nhwc);
    const auto flags = normalization_flags::use_scale_shift | normalization_flags::fuse_norm_relu;
    const batch_normalization_forward::primitive_desc forward(
        {prop_kind::forward_training, data, static_cast<float>(kEpsilon), flags}, engine_);
    const batch_normalization_backward::primitive_desc backward(
        {prop_kind::backward, data, data, static_cast<float>(kEpsilon), flags}, engine_, forward);
    name_ = forward.impl_info_str();
    forward_ = batch_normalization_forward(forward);
    backward_ = batch_normalization_backward(backward);
    std::fill_n(scale_shift_.begin(), t.channels, 1.5f);
    const memory x(data, engine_, t.x.data()), y(data, engine_, t.y.data()), d_y(data, engine_, t.d_y.data()),
        d_x(data, engine_, t.d_x.data()), mean(forward.mean_desc(), engine_),
        variance(forward.variance_desc(), engine_), workspace(forward.workspace_desc(), engine_),
        scale(forward.weights_desc(), engine_, scale_shift_.data()),
        d_scale(forward.weights_desc(), engine_, d_scale_shift_.data());
    forward_arguments_ = {{DNNL_ARG_SRC, x},
                          {DNNL_ARG_DST, y},
                          {DNNL_ARG_MEAN, mean},
                          {DNNL_ARG_VARIANCE, variance},
                          {DNNL_ARG_SCALE_SHIFT, scale},
                          {DNNL_ARG_WORKSPACE, workspace}};
    backward_arguments_ = {{DNNL_ARG_SRC, x},
                           {DNNL_ARG_DIFF_DST, d_y},
                           {DNNL_ARG_DIFF_SRC, d_x},
                           {DNNL_ARG_MEAN, mean},
                           {DNNL_ARG_VARIANCE, variance},
                           {DNNL_ARG_SCALE_SHIFT, scale},
                           {DNNL_ARG_DIFF_SCALE_SHIFT, d_scale},
                           {DNNL_ARG_WORKSPACE, workspace}};
  }
  void forward() { forward_.execute(stream_, forward_arguments_), stream_.wait(); }
  void backward() { backward_.execute(stream_, backward_arguments_), stream_.wait(); }
  const std::string& name() const { return name_; }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<float> scale_shift_, d_scale_shift_;
  std::string name_;
  dnnl::primitive forward_, backward_;
  std::unordered_map<int, dnnl::memory> forward_arguments_, backward_arguments_;
};

struct Candidate {
  std::string name;
  std::function<void()> run;
  std::vector<double> seconds = {};
};

// Microseconds of one call; short ones are repeated within a sample.
double seconds_of(const std::function<void()>& run, std::size_t repeats) {
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < repeats; ++i) {
    run();
    benchmark::ClobberMemory();
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() /
         static_cast<double>(repeats);
}

double quantile(std::vector<double> values, double share) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

std::string ratio(const Candidate& a, const Candidate& b) {
  std::vector<double> ratios(a.seconds.size());
  for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] = a.seconds[i] / b.seconds[i];
  char text[64];
  std::snprintf(text, sizeof text, "%.2f (%.2f-%.2f)", quantile(ratios, 0.5), quantile(ratios, 0.25),
                quantile(ratios, 0.75));
  return text;
}

void measure(std::size_t rows, std::size_t channels, int threads, std::size_t rounds, std::size_t offset) {
  Tensors t(rows, channels, offset);
  const auto team = static_cast<std::size_t>(threads);
  const std::size_t bytes = t.x.size() * sizeof(float);
  OneDnn pixels(t, rows), image(t, 1);
  const auto forward = [&](ActivationKind g) {
    bn::forward(t.view(t.x), t.gamma, t.beta, kEpsilon, t.view(t.y), t.mean, t.variance, g, team);
  };
  const auto backward = [&](ActivationKind g) {
    bn::backward(t.view(t.x), t.mean, t.variance, t.gamma, t.beta, kEpsilon, t.view(t.d_y), t.view(t.d_x),
                 t.d_gamma, t.d_beta, g, team);
  };
  std::vector<Candidate> all = {
      {"memcpy",
       [&] {
#pragma omp parallel for num_threads(threads) schedule(static)
         for (int part = 0; part < threads; ++part) {
           const std::size_t first = t.x.size() * part / team, last = t.x.size() * (part + 1) / team;
           std::memcpy(t.y.data() + first, t.x.data() + first, (last - first) * sizeof(float));
         }
       }},
      {"forward", [&] { forward(ActivationKind::identity); }},
      {"forward relu", [&] { forward(ActivationKind::relu); }},
      {"normalise relu",
       [&] {
         bn::normalise(t.view(t.x), t.mean, t.variance, t.gamma, t.beta, kEpsilon, t.view(t.y),
                       ActivationKind::relu, team);
       }},
      {"backward", [&] { backward(ActivationKind::identity); }},
      {"backward relu", [&] { backward(ActivationKind::relu); }},
      {"backward gelu", [&] { backward(ActivationKind::gelu); }},
      {"oneDNN forward relu, pixels", [&] { pixels.forward(); }},
      {"oneDNN backward relu, pixels", [&] { pixels.backward(); }},
      {"oneDNN forward relu, one image", [&] { image.forward(); }},
      {"oneDNN backward relu, one image", [&] { image.backward(); }},
  };
  const std::size_t repeats = std::max<std::size_t>(1, (std::size_t{4} << 20) / bytes);
  for (Candidate& c : all) c.run();
  for (std::size_t round = 0; round < rounds; ++round) {
    for (Candidate& c : all) {
      // OpenMP's threads spin for a while after their work: let them fall asleep, and wake ours.
      if (threads > 1) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        c.run();
      }
      c.seconds.push_back(seconds_of(c.run, repeats));
    }
  }
  const auto faster = [&](std::size_t a, std::size_t b) -> const Candidate& {
    return quantile(all[a].seconds, 0.5) < quantile(all[b].seconds, 0.5) ? all[a] : all[b];
  };
  const double copy = quantile(all[0].seconds, 0.5);
  std::printf("| [%zu, %zu] | %.1f | %.0f | %.1f |", rows, channels, static_cast<double>(bytes) / 1048576,
              copy * 1e6, static_cast<double>(bytes) / copy * 1e-9);
  for (std::size_t i = 1; i <= 6; ++i) std::printf(" %s |", ratio(all[i], all[0]).c_str());
  std::printf(" %s | %s |\n", ratio(faster(7, 9), all[2]).c_str(), ratio(faster(8, 10), all[5]).c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  const char* const path = count > 1 ? arguments[1] : "bench/shapes/batch_norm.txt";
  const int threads = count > 2 ? std::atoi(arguments[2]) : 1;
  const int rounds = count > 3 ? std::atoi(arguments[3]) : 41;
  const int offset = count > 4 ? std::atoi(arguments[4]) : 0;
  std::ifstream shapes(path);
  if (!shapes || threads < 1 || rounds < 1 || offset < 0 || offset > 15) {
    std::fprintf(stderr, "usage: batch_norm_bench [SHAPES_FILE] [threads] [rounds] [offset]; cannot use %s\n",
                 path);
    return 2;
  }
  omp_set_num_threads(threads);
  std::printf(
      "%d threads, %d rounds, offset %d. Time over memcpy's (of [rows, channels] floats), median "
      "(quartiles);\n"
      "the last two columns: oneDNN's time over ours, the faster of its two shapes.\n\n",
      threads, rounds, offset);
  std::printf(
      "| shape | MiB | memcpy µs | GB/s | forward | forward relu | normalise relu | backward | "
      "backward relu | backward gelu | oneDNN/forward relu | oneDNN/backward relu |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (std::string line; std::getline(shapes, line);) {
    std::istringstream words(line);
    std::size_t rows = 0, channels = 0;
    if (words >> rows >> channels)
      measure(rows, channels, threads, static_cast<std::size_t>(rounds), static_cast<std::size_t>(offset));
  }
  return 0;
}
