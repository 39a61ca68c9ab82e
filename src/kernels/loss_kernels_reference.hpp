// Scalar twins of loss_kernels.hpp for one row, in any real number type.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace ztilde::kernels::reference {

template <class T>
struct RowLoss {
  T loss{0};
  std::vector<T> gradient;  // d(loss)/d(out)
};

// The same row counted `weight` times.
template <class T>
RowLoss<T> weighted(RowLoss<T> row, T weight) {
  row.loss *= weight;
  for (T& g : row.gradient) g *= weight;
  return row;
}

template <class T>
std::vector<T> softmax(const std::vector<T>& out) {
  const T largest = *std::max_element(out.begin(), out.end());
  std::vector<T> p(out.size());
  T sum{0};
  for (std::size_t c = 0; c < out.size(); ++c) sum += p[c] = std::exp(out[c] - largest);
  for (T& value : p) value /= sum;
  return p;
}

template <class T>
RowLoss<T> softmax_cross_entropy(const std::vector<T>& out, std::size_t target, T smoothing = 0) {
  const T largest = *std::max_element(out.begin(), out.end());
  const T each = smoothing / static_cast<T>(out.size());
  T sum{0}, below = (1 - smoothing) * (largest - out[target]);
  for (const T value : out) {
    sum += std::exp(value - largest);
    below += each * (largest - value);
  }
  RowLoss<T> row{std::log(sum) + below, softmax(out)};
  row.gradient[target] = smoothing - each;
  for (std::size_t c = 0; c < out.size(); ++c) {
    if (c == target) continue;
    row.gradient[target] -= row.gradient[c];
    row.gradient[c] -= each;
  }
  return row;
}

template <class T>
RowLoss<T> binary_cross_entropy(T out, T answer, T smoothing = 0) {
  const T target = (1 - smoothing) * answer + smoothing / 2;
  const T e = std::exp(-std::abs(out));
  const T sigmoid = (out < 0 ? e : T{1}) / (1 + e);
  return {std::log1p(e) + std::max(out, T{0}) - out * target, {sigmoid - target}};
}

template <class T>
RowLoss<T> squared_error(T out, T target, T target_mean, T target_std) {
  const T difference = out - (target - target_mean) / target_std;
  return {difference * difference, {2 * difference}};
}

}  // namespace ztilde::kernels::reference
