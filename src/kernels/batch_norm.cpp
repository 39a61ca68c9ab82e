#include "ztilde/batch_norm.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/cut.hpp"
#include "base/team.hpp"
#include "kernels/batch_norm_passes.hpp"
#include "tensor/aligned_buffer.hpp"
#include "ztilde/error.hpp"

namespace ztilde::batch_norm {

namespace {

// message() is called only where something is wrong: making texts takes longer than small batches.
template <class Message>
void require(bool condition, const Message& message) {
  if (!condition) throw Error(ErrorKind::data, "batch norm: " + std::string(message()));
}

std::string shape(std::size_t rows, std::size_t channels) {
  return "[" + std::to_string(rows) + ", " + std::to_string(channels) + "]";
}

void require_view(ConstView view, const char* name) {
  require(view.row_stride >= view.channels || view.rows <= 1, [&] {
    return std::string(name) + " has a row stride of " + std::to_string(view.row_stride) + ", below its " +
           std::to_string(view.channels) + " channels";
  });
  require(view.data != nullptr || view.rows == 0 || view.channels == 0,
          [&] { return std::string(name) + " has no data"; });
}

void require_same_shape(ConstView x, ConstView other, const char* name) {
  require_view(other, name);
  require(other.rows == x.rows && other.channels == x.channels, [&] {
    return std::string(name) + " is " + shape(other.rows, other.channels) + ", x is " +
           shape(x.rows, x.channels);
  });
}

void require_size(std::size_t size, std::size_t channels, const char* name) {
  require(size == channels, [&] {
    return std::string(name) + " has " + std::to_string(size) + " elements for " + std::to_string(channels) +
           " channels";
  });
}

template <class T>
void require_size_or_empty(std::span<T> array, std::size_t channels, const char* name) {
  if (!array.empty()) require_size(array.size(), channels, name);
}

void require_epsilon(double epsilon) {
  require(epsilon >= 0 && std::isfinite(epsilon),
          [&] { return "epsilon is " + std::to_string(epsilon) + "; it must be 0 or a positive number"; });
}

void require_variances(std::span<const double> variance) {
  for (std::size_t c = 0; c < variance.size(); ++c) {
    require(variance[c] >= 0, [&] {
      return "the variance of channel " + std::to_string(c) + " is " + std::to_string(variance[c]) +
             "; it must be 0 or a positive number";
    });
  }
}

// What normalise, backward and backward_known have in common.
void require_known(ConstView x, std::span<const double> mean, std::span<const double> variance,
                   std::span<const float> gamma, std::span<const float> beta, double epsilon) {
  require_view(x, "x");
  require_size(mean.size(), x.channels, "mean");
  require_size(variance.size(), x.channels, "variance");
  require_size_or_empty(gamma, x.channels, "gamma");
  require_size_or_empty(beta, x.channels, "beta");
  require_epsilon(epsilon);
  require_variances(variance);
}

template <class T>
T* data_or_null(std::span<T> array) {
  return array.empty() ? nullptr : array.data();
}

// The affine map of one call.
struct AffineArrays {
  std::vector<float> values;
  kernels::Affine affine;

  AffineArrays(std::span<const double> mean, std::span<const double> variance, std::span<const float> gamma,
               std::span<const float> beta, double epsilon)
      : values(3 * (mean.size() + kernels::kRepeat)) {
    const std::size_t channels = mean.size();
    float* centre = values.data();
    float* scale = centre + channels + kernels::kRepeat;
    float* shift = scale + channels + kernels::kRepeat;
    kernels::make_affine(channels, mean.data(), variance.data(), epsilon, data_or_null(gamma),
                         data_or_null(beta), centre, scale, shift, nullptr);
    for (float* coefficients : {centre, scale, shift}) kernels::repeat(coefficients, channels);
    affine = {centre, scale, shift};
  }
};

// Rows are cut into lanes by shape alone: sums are taken within lanes, whoever runs them, and put
// together in the order of the lanes. That is all that a result's bits depend on.
struct Lanes {
  explicit Lanes(ConstView x)
      : blocks{(x.rows + kernels::kSumRows - 1) / kernels::kSumRows,
               std::clamp<std::size_t>(x.rows / kLaneRows, 1, kMostLanes)},
        rows(x.rows) {}
  std::size_t count() const { return blocks.parts; }
  std::size_t first(std::size_t lane) const { return std::min(rows, blocks.first(lane) * kernels::kSumRows); }
  std::size_t size(std::size_t lane) const { return first(lane + 1) - first(lane); }
  template <class AnyView>
  AnyView of(const AnyView& view, std::size_t lane) const {
    return view.block(first(lane), size(lane));
  }

  static constexpr std::size_t kLaneRows = 1024, kMostLanes = 32;
  Cut blocks;
  std::size_t rows;
};

struct Helpers {
  explicit Helpers(std::size_t threads) : team(threads), lanes(threads) {}
  Team team;
  TaskQueue lanes;
};

// Starting threads costs more than most calls take, so each calling thread keeps the last it used.
Helpers& helpers_of(std::size_t threads) {
  thread_local std::unique_ptr<Helpers> helpers;
  if (!helpers || helpers->team.threads() != threads) {
    helpers.reset();
    helpers = std::make_unique<Helpers>(threads);
  }
  return *helpers;
}

// The threads of a call. What one core does faster than it wakes another stays on one.
std::size_t threads_for(ConstView x, std::size_t threads) {
  constexpr std::size_t kLeastElements = std::size_t{1} << 20;
  if (x.rows * x.channels < kLeastElements) return 1;
  return threads == 0 ? available_cores() : threads;
}

// Calls task(lane, thread) for all lanes.
template <class Task>
void for_each_lane(const Lanes& lanes, std::size_t threads, const Task& task) {
  if (threads == 1 || lanes.count() == 1) {
    for (std::size_t lane = 0; lane < lanes.count(); ++lane) task(lane, 0);
  } else {
    // Threads between two calls are asleep: whoever is awake does not wait for one that wakes.
    Helpers& helpers = helpers_of(threads);
    helpers.lanes.refill();
    helpers.team.run([&](const Worker& worker) {
      helpers.lanes.take(worker, lanes.count(), [&](std::size_t lane) { task(lane, worker.index); });
    });
  }
}

// An output this large will not stay in a cache: storing past it saves reading it first. Not where
// it lies over an input, whose lines are in the cache already.
bool streams(ConstView in, ConstView out) {
  constexpr std::size_t kBytes = std::size_t{4} << 20;
  return in.data != out.data && out.rows * out.channels * sizeof(float) >= kBytes;
}

// Two sums for each lane and channel, and what each thread needs while it takes them.
struct LaneSums {
  LaneSums(const Lanes& lanes, std::size_t threads, std::size_t channels_)
      : channels(channels_),
        values(2 * lanes.count() * channels),
        work(threads * kernels::work_doubles(channels)) {}
  double* first(std::size_t lane) { return values.data() + 2 * lane * channels; }
  double* second(std::size_t lane) { return first(lane) + channels; }
  double* work_of(std::size_t thread) { return work.data() + thread * kernels::work_doubles(channels); }

  std::size_t channels;
  std::vector<double> values;
  AlignedBuffer<double> work;
};

void take_statistics(ConstView x, std::span<double> mean, std::span<double> variance, std::size_t threads) {
  const std::size_t channels = x.channels;
  const Lanes lanes(x);
  LaneSums sums(lanes, threads, channels);
  for_each_lane(lanes, threads, [&](std::size_t lane, std::size_t thread) {
    kernels::statistics_pass(lanes.of(x, lane), sums.work_of(thread), sums.first(lane), sums.second(lane));
  });
  std::copy_n(sums.first(0), channels, mean.begin());
  std::copy_n(sums.second(0), channels, variance.begin());  // M2 until all lanes are in
  for (std::size_t lane = 1; lane < lanes.count(); ++lane) {
    const auto before = static_cast<double>(lanes.first(lane)), count = static_cast<double>(lanes.size(lane));
    const double share = count / (before + count);
    for (std::size_t c = 0; c < channels; ++c) {
      const double delta = sums.first(lane)[c] - mean[c];
      mean[c] += delta * share;
      variance[c] += sums.second(lane)[c] + delta * delta * before * share;
    }
  }
  for (double& v : variance) v /= static_cast<double>(x.rows);
}

void apply(ConstView x, const kernels::Affine& affine, ActivationKind g, View y, std::size_t threads) {
  const Lanes lanes(x);
  const bool stream = streams(x, y);
  for_each_lane(lanes, threads, [&](std::size_t lane, std::size_t) {
    kernels::normalise_pass(lanes.of(x, lane), affine, g, stream, lanes.of(y, lane));
  });
}

struct BackwardSums {
  std::vector<double> d, dx;  // Σ d and Σ d · (x - centre)
};

BackwardSums backward_sums(ConstView x, const kernels::Affine& affine, ConstView d_y, View d_x,
                           ActivationKind g, std::size_t threads) {
  const std::size_t channels = x.channels;
  const Lanes lanes(x);
  LaneSums sums(lanes, threads, channels);
  for_each_lane(lanes, threads, [&](std::size_t lane, std::size_t thread) {
    kernels::backward_sums_pass(lanes.of(x, lane), affine, g, lanes.of(d_y, lane), !kernels::is_cheap(g),
                                lanes.of(d_x, lane), sums.work_of(thread), sums.first(lane),
                                sums.second(lane));
  });
  BackwardSums result{std::vector<double>(channels), std::vector<double>(channels)};
  for (std::size_t lane = 0; lane < lanes.count(); ++lane) {
    for (std::size_t c = 0; c < channels; ++c) {
      result.d[c] += sums.first(lane)[c];
      result.dx[c] += sums.second(lane)[c];
    }
  }
  return result;
}

// The second half of backward: d_x from d, or from d_y and the slope where that is cheap to take again.
void apply_backward(ConstView x, const kernels::Affine& affine, const kernels::InputGradient& gradient,
                    ConstView d_y, View d_x, ActivationKind g, std::size_t threads) {
  const bool again = kernels::is_cheap(g);
  const ConstView d = again ? d_y : ConstView(d_x);
  const ActivationKind left = again ? g : ActivationKind::identity;
  const Lanes lanes(x);
  const bool stream = streams(d, d_x);
  for_each_lane(lanes, threads, [&](std::size_t lane, std::size_t) {
    kernels::input_gradient_pass(lanes.of(x, lane), affine, gradient, left, lanes.of(d, lane), stream,
                                 lanes.of(d_x, lane));
  });
}

void require_backward(ConstView x, ConstView d_y, View d_x, std::span<float> d_gamma,
                      std::span<float> d_beta) {
  require_same_shape(x, d_y, "d_y");
  require_same_shape(x, d_x, "d_x");
  require(d_x.data != d_y.data || d_x.row_stride == d_y.row_stride || x.rows <= 1,
          [&] { return "d_x lies over d_y with another row stride"; });
  require(d_x.data != x.data || x.data == nullptr, [&] { return "d_x lies over x, which is still needed"; });
  require_size_or_empty(d_gamma, x.channels, "d_gamma");
  require_size_or_empty(d_beta, x.channels, "d_beta");
}

}  // namespace

void statistics(ConstView x, std::span<double> mean, std::span<double> variance, std::size_t threads) {
  require_view(x, "x");
  require_size(mean.size(), x.channels, "mean");
  require_size(variance.size(), x.channels, "variance");
  require(x.rows >= 1, [&] { return "statistics need at least 1 row"; });
  take_statistics(x, mean, variance, threads_for(x, threads));
}

void forward(ConstView x, std::span<const float> gamma, std::span<const float> beta, double epsilon, View y,
             std::span<double> mean, std::span<double> variance, ActivationKind g, std::size_t threads) {
  require_view(x, "x");
  require_same_shape(x, y, "y");
  require_size_or_empty(gamma, x.channels, "gamma");
  require_size_or_empty(beta, x.channels, "beta");
  require_epsilon(epsilon);
  require(x.rows >= 2, [&] {
    return "training needs at least 2 rows, there " + std::string(x.rows == 1 ? "is 1" : "are 0") +
           "; one row has no variance";
  });
  statistics(x, mean, variance, threads);
  const AffineArrays map(mean, variance, gamma, beta, epsilon);
  apply(x, map.affine, g, y, threads_for(x, threads));
}

void normalise(ConstView x, std::span<const double> mean, std::span<const double> variance,
               std::span<const float> gamma, std::span<const float> beta, double epsilon, View y,
               ActivationKind g, std::size_t threads) {
  require_known(x, mean, variance, gamma, beta, epsilon);
  require_same_shape(x, y, "y");
  const AffineArrays map(mean, variance, gamma, beta, epsilon);
  apply(x, map.affine, g, y, threads_for(x, threads));
}

void backward(ConstView x, std::span<const double> mean, std::span<const double> variance,
              std::span<const float> gamma, std::span<const float> beta, double epsilon, ConstView d_y,
              View d_x, std::span<float> d_gamma, std::span<float> d_beta, ActivationKind g,
              std::size_t threads) {
  require_known(x, mean, variance, gamma, beta, epsilon);
  require_backward(x, d_y, d_x, d_gamma, d_beta);
  require(x.rows >= 2, [&] { return "training needs at least 2 rows"; });
  const std::size_t channels = x.channels;
  const AffineArrays map(mean, variance, gamma, beta, epsilon);
  const BackwardSums sums = backward_sums(x, map.affine, d_y, d_x, g, threads_for(x, threads));

  std::vector<float> coefficients(4 * (channels + kernels::kRepeat));
  float* const centre = coefficients.data();
  float* const scale = centre + channels + kernels::kRepeat;
  float* const slope = scale + channels + kernels::kRepeat;
  float* const offset = slope + channels + kernels::kRepeat;
  std::vector<double> sum_d_x_norm(channels);
  kernels::make_input_gradient(channels, x.rows, mean.data(), variance.data(), epsilon, data_or_null(gamma),
                               sums.d.data(), sums.dx.data(), centre, scale, slope, offset,
                               sum_d_x_norm.data());
  kernels::repeat(slope, channels);
  kernels::repeat(offset, channels);
  apply_backward(x, map.affine, {centre, scale, slope, offset}, d_y, d_x, g, threads_for(x, threads));
  for (std::size_t c = 0; c < d_gamma.size(); ++c) d_gamma[c] += static_cast<float>(sum_d_x_norm[c]);
  for (std::size_t c = 0; c < d_beta.size(); ++c) d_beta[c] += static_cast<float>(sums.d[c]);
}

void backward_known(ConstView x, std::span<const double> mean, std::span<const double> variance,
                    std::span<const float> gamma, std::span<const float> beta, double epsilon, ConstView d_y,
                    View d_x, std::span<float> d_gamma, std::span<float> d_beta, ActivationKind g,
                    std::size_t threads) {
  require_known(x, mean, variance, gamma, beta, epsilon);
  require_backward(x, d_y, d_x, d_gamma, d_beta);
  const std::size_t channels = x.channels;
  const AffineArrays map(mean, variance, gamma, beta, epsilon);
  const BackwardSums sums = backward_sums(x, map.affine, d_y, d_x, g, threads_for(x, threads));
  // d_x = scale · d: an input gradient whose statistics do not depend on x.
  const std::vector<float> zero(channels + kernels::kRepeat);
  apply_backward(x, map.affine, {map.affine.centre, map.affine.scale, zero.data(), zero.data()}, d_y, d_x, g,
                 threads_for(x, threads));
  for (std::size_t c = 0; c < d_gamma.size(); ++c) {
    const double inside = variance[c] + epsilon;
    const double inv_std = inside == 0 ? 0 : 1 / std::sqrt(inside);
    const double lost = mean[c] - map.affine.centre[c];
    d_gamma[c] += static_cast<float>(inv_std * (sums.dx[c] - lost * sums.d[c]));
  }
  for (std::size_t c = 0; c < d_beta.size(); ++c) d_beta[c] += static_cast<float>(sums.d[c]);
}

}  // namespace ztilde::batch_norm
