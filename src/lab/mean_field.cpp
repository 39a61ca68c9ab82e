#include "lab/mean_field.hpp"

#include <cmath>
#include <numbers>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace ztilde::lab {
namespace {

double value(ActivationKind g, double z) {
  switch (g) {
    case ActivationKind::relu:
      return std::max(z, 0.0);
    case ActivationKind::sigmoid:
      return 1 / (1 + std::exp(-z));
    case ActivationKind::tanh:
      return std::tanh(z);
    default:
      return z;
  }
}

double derivative(ActivationKind g, double z) {
  const double a = value(g, z);
  switch (g) {
    case ActivationKind::relu:
      return z > 0 ? 1 : 0;
    case ActivationKind::sigmoid:
      return a * (1 - a);
    case ActivationKind::tanh:
      return 1 - a * a;
    default:
      return 1;
  }
}

// The transform of a vector whose length is a power of 2, up to its scale.
void walsh_hadamard(std::span<double> values) {
  for (std::size_t half = 1; half < values.size(); half *= 2) {
    for (std::size_t from = 0; from < values.size(); from += 2 * half) {
      for (std::size_t i = from; i < from + half; ++i) {
        const double a = values[i], b = values[i + half];
        values[i] = a + b;
        values[i + half] = a - b;
      }
    }
  }
}

}  // namespace

double gradient_growth(ActivationKind g) {
  // Midpoints on each side of relu's kink: the error falls with the square of the width, to 1e-8 here.
  constexpr int kPoints = 40000;
  constexpr double kMost = 10;
  double mean = 0, square = 0, derivative_square = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double z = kMost * ((2 * i + 1.0) / kPoints - 1);
    const double weight = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi) * (2 * kMost / kPoints);
    const double a = value(g, z), d = derivative(g, z);
    mean += weight * a;
    square += weight * a * a;
    derivative_square += weight * d * d;
  }
  return std::sqrt(derivative_square / (square - mean * mean));
}

void fill_orthogonal(std::size_t size, std::uint64_t seed, std::uint64_t number, std::span<float> matrix) {
  constexpr int kRounds = 3;
  std::mt19937_64 random(seed * 1'000'003 + number);
  std::vector<double> signs(kRounds * size);
  for (double& sign : signs) sign = random() >> 63 ? 1 : -1;
  std::vector<std::vector<std::size_t>> places(kRounds, std::vector<std::size_t>(size));
  for (auto& order : places) {
    std::iota(order.begin(), order.end(), 0);
    // Not std::shuffle, whose result is the standard library's own.
    for (std::size_t i = size; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  }
  const double scale = std::pow(static_cast<double>(size), -kRounds / 2.0);
  std::vector<double> row(size), shuffled(size);
  for (std::size_t r = 0; r < size; ++r) {
    std::fill(row.begin(), row.end(), 0.0);
    row[r] = scale;
    for (int round = 0; round < kRounds; ++round) {
      for (std::size_t i = 0; i < size; ++i) shuffled[places[round][i]] = row[i] * signs[round * size + i];
      std::swap(row, shuffled);
      walsh_hadamard(row);
    }
    for (std::size_t i = 0; i < size; ++i) matrix[r * size + i] = static_cast<float>(row[i]);
  }
}

double slope(std::span<const double> y) {
  const double middle = (static_cast<double>(y.size()) - 1) / 2;
  double above = 0, below = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double x = static_cast<double>(i) - middle;
    above += x * y[i];
    below += x * x;
  }
  return above / below;
}

}  // namespace ztilde::lab
