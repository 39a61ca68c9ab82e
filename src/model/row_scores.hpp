// What one row's outputs say, and what they cost: for whoever compares models row by row.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "ztilde/dataset.hpp"

namespace ztilde {

// The class that a row's outputs name; 2 classes may have one output.
template <class Number>
std::size_t answer_of(const Number* row, std::size_t outputs) {
  if (outputs == 1) return row[0] > 0 ? 1 : 0;
  return static_cast<std::size_t>(std::max_element(row, row + outputs) - row);
}

// log(1 + exp(z)).
double softplus(double z);
// log Σ exp(output).
double log_sum_exp(const float* row, std::size_t outputs);

// Cross-entropy in nats, or the squared error.
double row_loss(Task task, const float* row, std::size_t outputs, float target);

// By row, the difference of two variants' scores: what chance does to a row it does to both.
struct PairedDifference {
  double mean = 0, standard_error = 0;  // by the rows' weights; 0 for a single row
};
// of(row): the difference. weights: null, or one a row.
template <class Of>
PairedDifference paired_difference(std::size_t rows, const float* weights, const Of& of) {
  const auto weight = [&](std::size_t r) { return weights ? double{weights[r]} : 1.0; };
  double total = 0, sum = 0, squares = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    total += weight(r);
    sum += weight(r) * of(r);
  }
  const double mean = sum / total;
  if (rows < 2) return {mean, 0};
  for (std::size_t r = 0; r < rows; ++r) {
    const double off = weight(r) * (of(r) - mean);
    squares += off * off;
  }
  const auto n = static_cast<double>(rows);
  return {mean, std::sqrt(squares * n / (n - 1)) / total};
}

}  // namespace ztilde
