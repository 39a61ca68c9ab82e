// The statistics that outlive a batch: running, cumulative, pooled. Declared in ztilde/batch_norm.hpp.
#include <algorithm>
#include <cmath>
#include <string>

#include "ztilde/batch_norm.hpp"
#include "ztilde/error.hpp"

namespace ztilde::batch_norm {

namespace {

// The text is made only where it is needed: a training step comes by here and allocates nothing.
[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::data, "batch norm: " + message);
}

void require_sizes(std::size_t mean_a, std::size_t variance_a, std::size_t mean_b, std::size_t variance_b) {
  if (mean_a == variance_a && mean_a == mean_b && mean_a == variance_b) return;
  refuse("two means and two variances have " + std::to_string(mean_a) + ", " + std::to_string(mean_b) + ", " +
         std::to_string(variance_a) + " and " + std::to_string(variance_b) +
         " elements; all must have one for each channel");
}

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

// What turns the population variance of a batch into the kind that is kept.
double variance_factor(std::uint64_t rows, VarianceKind kind) {
  if (kind == VarianceKind::population) return 1;
  if (rows < 2) refuse("an unbiased variance needs at least 2 rows");
  return static_cast<double>(rows) / static_cast<double>(rows - 1);
}

}  // namespace

bool update_running(std::span<const double> batch_mean, std::span<const double> batch_variance,
                    std::uint64_t rows, double keep, VarianceKind kind, std::span<double> running_mean,
                    std::span<double> running_variance) {
  return update_running(batch_mean, batch_variance, variance_factor(rows, kind), keep, running_mean,
                        running_variance);
}

bool update_running(std::span<const double> batch_mean, std::span<const double> batch_variance, double factor,
                    double keep, std::span<double> running_mean, std::span<double> running_variance) {
  require_sizes(running_mean.size(), running_variance.size(), batch_mean.size(), batch_variance.size());
  if (!(keep >= 0 && keep <= 1)) refuse("keep is " + std::to_string(keep) + "; it must lie in 0 … 1");
  if (!(factor > 0)) refuse("the variance's factor is " + std::to_string(factor) + "; it must be above 0");
  if (!all_finite(batch_mean) || !all_finite(batch_variance)) return false;
  const double take = 1 - keep;
  for (std::size_t c = 0; c < running_mean.size(); ++c) {
    running_mean[c] = keep * running_mean[c] + take * batch_mean[c];
    running_variance[c] = keep * running_variance[c] + take * (factor * batch_variance[c]);
  }
  return true;
}

bool update_cumulative(std::span<const double> batch_mean, std::span<const double> batch_variance,
                       std::uint64_t rows, std::uint64_t batches_so_far, VarianceKind kind,
                       std::span<double> running_mean, std::span<double> running_variance) {
  require_sizes(running_mean.size(), running_variance.size(), batch_mean.size(), batch_variance.size());
  if (batches_so_far < 1) refuse("batches_so_far counts this batch too and is at least 1");
  const double factor = variance_factor(rows, kind);
  if (!all_finite(batch_mean) || !all_finite(batch_variance)) return false;
  const auto batches = static_cast<double>(batches_so_far);
  for (std::size_t c = 0; c < running_mean.size(); ++c) {
    const double variance = factor * batch_variance[c];
    // The first batch replaces whatever was there, without a rounding.
    const bool first = batches_so_far == 1;
    running_mean[c] = first ? batch_mean[c] : running_mean[c] + (batch_mean[c] - running_mean[c]) / batches;
    running_variance[c] = first ? variance : running_variance[c] + (variance - running_variance[c]) / batches;
  }
  return true;
}

void pool(std::uint64_t rows_a, std::span<double> mean_a, std::span<double> variance_a, std::uint64_t rows_b,
          std::span<const double> mean_b, std::span<const double> variance_b) {
  require_sizes(mean_a.size(), variance_a.size(), mean_b.size(), variance_b.size());
  if (rows_b == 0) return;
  const double a = static_cast<double>(rows_a), b = static_cast<double>(rows_b);
  const double share_a = a / (a + b), share_b = b / (a + b);
  for (std::size_t c = 0; c < mean_a.size(); ++c) {
    if (rows_a == 0) {  // whatever group a held is not a statistic
      mean_a[c] = mean_b[c];
      variance_a[c] = variance_b[c];
      continue;
    }
    const double delta = mean_b[c] - mean_a[c];
    mean_a[c] += delta * share_b;
    variance_a[c] = variance_a[c] * share_a + variance_b[c] * share_b + delta * delta * share_a * share_b;
  }
}

}  // namespace ztilde::batch_norm
