// Mean and central moments of each channel over weighted rows, pooled exactly from blocks of rows.
// Pébay 2008, "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order
// statistical moments", SAND2008-6212.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ztilde/matrix_view.hpp"
#include "ztilde/network.hpp"

namespace ztilde {

struct ChannelMoments {
  double weight = 0;                     // Σ w of the rows, the same for all channels
  std::vector<double> mean, m2, m3, m4;  // m_k = Σ w (x − mean)^k

  // Pools those of other rows into these.
  void add(const ChannelMoments& other);
  double variance(std::size_t channel) const { return m2[channel] / weight; }
  // Requires a variance above 0.
  double kurtosis(std::size_t channel) const { return weight * m4[channel] / (m2[channel] * m2[channel]); }
};

// Of g(z), in double. z: [rows, channels]; weights: by row, or empty: all 1. A constant channel has exactly
// its value as mean and 0 as variance.
ChannelMoments moments_of(MatrixView<const float> z, ActivationKind g, std::span<const float> weights);

}  // namespace ztilde
