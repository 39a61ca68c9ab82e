// The loss of logistic regression as a function of its weights: a convex bowl, and how its roundness decides
// what gradient descent takes to reach the bottom. In double; a few inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ztilde::lab {

// Rows of inputs, the last of which is the constant 1, and answers 0 or 1.
struct Bowl {
  std::size_t inputs = 0;
  std::vector<double> x;  // [rows, inputs]
  std::vector<double> y;  // [rows]
  double bias = 0;        // of a slice, which has no constant input

  std::size_t rows() const { return y.size(); }
  double loss(const std::vector<double>& w) const;
  // The mean loss; overwrites d_w.
  double loss_and_gradient(const std::vector<double>& w, std::vector<double>& d_w) const;
  // Second derivatives [inputs, inputs]. largest: with the slope of the sigmoid at its steepest, ¼, in every
  // row, which no Hessian anywhere exceeds.
  std::vector<double> hessian(const std::vector<double>& w, bool largest = false) const;
};

// Means and standard deviations of all inputs but the constant one.
struct Scaling {
  std::vector<double> mean, deviation;
};
Scaling scaling_of(const Bowl& raw);
Bowl standardised(const Bowl& raw, const Scaling& scaling);
// Of two inputs: the bowl over their weights, the bias held.
Bowl slice(const Bowl& bowl, double bias);
// The weights that give the raw rows the same outputs.
std::vector<double> raw_weights(const std::vector<double>& w, const Scaling& scaling);

// The bottom, by Newton's method; empty where there is none, as a plane separates the answers.
std::optional<std::vector<double>> bottom(const Bowl& bowl);

// Of a symmetric positive matrix [n, n]: eigenvalues ascending, with vectors[i * n … ] to values[i].
struct Eigen {
  std::vector<double> values, vectors;
  double condition() const { return values.back() / values.front(); }
};
Eigen eigen(std::vector<double> matrix, std::size_t n);

struct Descent {
  std::uint64_t steps = 0;  // done
  bool arrived = false;     // within 1e-6 of the loss at the start above the bottom
  double estimate = 0;      // steps to arrive, by the curvature at the bottom where it did not
  double gap = 0;           // what is left of the loss above the bottom, as a share of the start's
  std::vector<std::vector<double>> path;  // the weights after 0, 1, 2, 3, 4, 6, 8, … steps
};
// From all weights 0, at the rate 1 / (largest curvature anywhere), the largest that is safe for certain.
// stop(steps) is asked now and then and may throw.
template <class Stop>
Descent descend(const Bowl& bowl, const std::vector<double>& best, std::uint64_t most_steps, Stop&& stop);

constexpr double kArrived = 1e-6;
constexpr std::uint64_t kStepsBetweenStops = 1024;

double safe_rate(const Bowl& bowl);
// Steps that a quadratic bowl with this Hessian at `best` takes from w to a loss of `gap` above its bottom.
double quadratic_steps(const Bowl& bowl, const std::vector<double>& best, const std::vector<double>& w,
                       double rate, double gap);

template <class Stop>
Descent descend(const Bowl& bowl, const std::vector<double>& best, std::uint64_t most_steps, Stop&& stop) {
  Descent result;
  std::vector<double> w(bowl.inputs, 0), d_w(bowl.inputs);
  const double rate = safe_rate(bowl), least = bowl.loss(best), start = bowl.loss(w) - least;
  std::uint64_t next_point = 0;
  for (;; ++result.steps) {
    result.gap = (bowl.loss_and_gradient(w, d_w) - least) / start;
    result.arrived = result.gap <= kArrived;
    const bool end = result.arrived || result.steps == most_steps;
    if (result.steps == next_point || end) {
      result.path.push_back(w);
      next_point = next_point < 4 ? next_point + 1 : next_point + next_point / 2;
    }
    if (end) break;
    if (result.steps % kStepsBetweenStops == 0) stop(result.steps);
    for (std::size_t j = 0; j < w.size(); ++j) w[j] -= rate * d_w[j];
  }
  result.estimate = static_cast<double>(result.steps);
  if (!result.arrived) result.estimate += quadratic_steps(bowl, best, w, rate, kArrived * start);
  return result;
}

}  // namespace ztilde::lab
