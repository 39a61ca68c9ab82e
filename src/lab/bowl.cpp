#include "lab/bowl.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ztilde::lab {
namespace {

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

double output(const Bowl& bowl, std::size_t row, const std::vector<double>& w) {
  return std::inner_product(w.begin(), w.end(), &bowl.x[row * bowl.inputs], bowl.bias);
}

// −log of what the answer was given.
double row_loss(double z, double y) { return std::max(z, 0.0) - z * y + std::log1p(std::exp(-std::abs(z))); }

// Solves matrix · x = right by Cholesky; false where the matrix is not positive.
bool solve(std::vector<double> matrix, std::vector<double>& right) {
  const std::size_t n = right.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = matrix[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= matrix[i * n + k] * matrix[j * n + k];
      if (i == j && !(sum > 0)) return false;
      matrix[i * n + j] = i == j ? std::sqrt(sum) : sum / matrix[j * n + j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) right[i] -= matrix[i * n + k] * right[k];
    right[i] /= matrix[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) right[i] -= matrix[k * n + i] * right[k];
    right[i] /= matrix[i * n + i];
  }
  return true;
}

}  // namespace

double Bowl::loss(const std::vector<double>& w) const {
  double sum = 0;
  for (std::size_t r = 0; r < rows(); ++r) sum += row_loss(output(*this, r, w), y[r]);
  return sum / static_cast<double>(rows());
}

double Bowl::loss_and_gradient(const std::vector<double>& w, std::vector<double>& d_w) const {
  std::ranges::fill(d_w, 0.0);
  double sum = 0;
  const double share = 1 / static_cast<double>(rows());
  for (std::size_t r = 0; r < rows(); ++r) {
    const double z = output(*this, r, w);
    sum += row_loss(z, y[r]);
    const double d_z = (sigmoid(z) - y[r]) * share;
    for (std::size_t j = 0; j < inputs; ++j) d_w[j] += d_z * x[r * inputs + j];
  }
  return sum * share;
}

std::vector<double> Bowl::hessian(const std::vector<double>& w, bool largest) const {
  std::vector<double> result(inputs * inputs, 0);
  for (std::size_t r = 0; r < rows(); ++r) {
    const double p = sigmoid(output(*this, r, w));
    const double slope = (largest ? 0.25 : p * (1 - p)) / static_cast<double>(rows());
    const double* row = &x[r * inputs];
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t j = 0; j < inputs; ++j) result[i * inputs + j] += slope * row[i] * row[j];
    }
  }
  return result;
}

Scaling scaling_of(const Bowl& raw) {
  Scaling result;
  const auto rows = static_cast<double>(raw.rows());
  for (std::size_t j = 0; j + 1 < raw.inputs; ++j) {
    double sum = 0, squares = 0;
    for (std::size_t r = 0; r < raw.rows(); ++r) sum += raw.x[r * raw.inputs + j];
    const double mean = sum / rows;
    for (std::size_t r = 0; r < raw.rows(); ++r) {
      const double d = raw.x[r * raw.inputs + j] - mean;
      squares += d * d;
    }
    result.mean.push_back(mean);
    result.deviation.push_back(std::sqrt(squares / rows));
  }
  return result;
}

Bowl standardised(const Bowl& raw, const Scaling& scaling) {
  Bowl result = raw;
  for (std::size_t r = 0; r < raw.rows(); ++r) {
    for (std::size_t j = 0; j + 1 < raw.inputs; ++j) {
      double& x = result.x[r * raw.inputs + j];
      x = (x - scaling.mean[j]) / scaling.deviation[j];
    }
  }
  return result;
}

Bowl slice(const Bowl& bowl, double bias) {
  Bowl result{.inputs = 2, .x = {}, .y = bowl.y, .bias = bias};
  for (std::size_t r = 0; r < bowl.rows(); ++r)
    result.x.insert(result.x.end(), {bowl.x[r * 3], bowl.x[r * 3 + 1]});
  return result;
}

std::vector<double> raw_weights(const std::vector<double>& w, const Scaling& scaling) {
  std::vector<double> result = w;
  for (std::size_t j = 0; j + 1 < w.size(); ++j) {
    result[j] = w[j] / scaling.deviation[j];
    result.back() -= result[j] * scaling.mean[j];
  }
  return result;
}

std::optional<std::vector<double>> bottom(const Bowl& bowl) {
  constexpr int kMostSteps = 200;
  std::vector<double> w(bowl.inputs, 0), d_w(bowl.inputs);
  for (int step = 0; step < kMostSteps; ++step) {
    const double loss = bowl.loss_and_gradient(w, d_w);
    std::vector<double> move = d_w;
    if (!solve(bowl.hessian(w), move)) return std::nullopt;
    // What the move gains in a quadratic bowl; below the loss's own rounding there is nothing left.
    const double gain = std::inner_product(move.begin(), move.end(), d_w.begin(), 0.0) / 2;
    if (gain < 1e-15 * std::abs(loss)) return w;
    double part = 1;
    std::vector<double> next = w;
    do {
      for (std::size_t j = 0; j < w.size(); ++j) next[j] = w[j] - part * move[j];
      part /= 2;
    } while (bowl.loss(next) > loss && part > 1e-10);
    w = next;
  }
  return std::nullopt;
}

// Jacobi's rotations. An element counts beside its own diagonal, so that small eigenvalues of a matrix with
// large ones come out right too (Demmel & Veselić 1992).
Eigen eigen(std::vector<double> a, std::size_t n) {
  std::vector<double> v(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  constexpr int kMostSweeps = 60;
  bool turned = true;
  for (int sweep = 0; sweep < kMostSweeps && turned; ++sweep) {
    turned = false;
    for (std::size_t p = 0; p + 1 < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        const double apq = a[p * n + q];
        if (std::abs(apq) <= 1e-16 * std::sqrt(std::abs(a[p * n + p] * a[q * n + q]))) continue;
        turned = true;
        const double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
        const double t = std::copysign(1 / (std::abs(theta) + std::hypot(theta, 1)), theta);
        const double c = 1 / std::hypot(t, 1), s = t * c;
        a[p * n + p] -= t * apq;
        a[q * n + q] += t * apq;
        a[p * n + q] = a[q * n + p] = 0;
        for (std::size_t k = 0; k < n; ++k) {
          if (k != p && k != q) {
            const double akp = a[k * n + p], akq = a[k * n + q];
            a[k * n + p] = a[p * n + k] = c * akp - s * akq;
            a[k * n + q] = a[q * n + k] = s * akp + c * akq;
          }
          const double vkp = v[k * n + p], vkq = v[k * n + q];
          v[k * n + p] = c * vkp - s * vkq;
          v[k * n + q] = s * vkp + c * vkq;
        }
      }
    }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return a[i * n + i]; });
  Eigen result;
  for (const std::size_t i : order) {
    result.values.push_back(a[i * n + i]);
    for (std::size_t k = 0; k < n; ++k) result.vectors.push_back(v[k * n + i]);
  }
  return result;
}

double safe_rate(const Bowl& bowl) {
  const std::vector<double> zero(bowl.inputs, 0);
  return 1 / eigen(bowl.hessian(zero, true), bowl.inputs).values.back();
}

double quadratic_steps(const Bowl& bowl, const std::vector<double>& best, const std::vector<double>& w,
                       double rate, double gap) {
  const std::size_t n = bowl.inputs;
  const Eigen axes = eigen(bowl.hessian(best), n);
  std::vector<double> squares(n);
  for (std::size_t i = 0; i < n; ++i) {
    double along = 0;
    for (std::size_t j = 0; j < n; ++j) along += axes.vectors[i * n + j] * (w[j] - best[j]);
    squares[i] = along * along;
  }
  const auto left = [&](double steps) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      // The rate is safe, so that no direction overshoots by more than itself.
      sum += axes.values[i] / 2 * squares[i] * std::exp(2 * steps * std::log1p(-rate * axes.values[i]));
    }
    return sum;
  };
  double low = 0, high = 1;
  while (left(high) > gap && high < 1e18) high *= 2;
  for (int i = 0; i < 100; ++i) (left((low + high) / 2) > gap ? low : high) = (low + high) / 2;
  return high;
}

}  // namespace ztilde::lab
