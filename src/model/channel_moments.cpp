#include "model/channel_moments.hpp"

#include "layers/activation.hpp"

namespace ztilde {

void ChannelMoments::add(const ChannelMoments& other) {
  if (other.weight == 0) return;
  if (weight == 0) {
    *this = other;
    return;
  }
  const double a = weight, b = other.weight, n = a + b;
  for (std::size_t c = 0; c < mean.size(); ++c) {
    const double d = other.mean[c] - mean[c], d2 = d * d;
    const double a2 = m2[c], b2 = other.m2[c], a3 = m3[c], b3 = other.m3[c];
    m4[c] += other.m4[c] + d2 * d2 * a * b * (a * a - a * b + b * b) / (n * n * n) +
             6 * d2 * (a * a * b2 + b * b * a2) / (n * n) + 4 * d * (a * b3 - b * a3) / n;
    m3[c] += b3 + d2 * d * a * b * (a - b) / (n * n) + 3 * d * (a * b2 - b * a2) / n;
    m2[c] += b2 + d2 * a * b / n;
    mean[c] += d * b / n;
  }
  weight = n;
}

ChannelMoments moments_of(MatrixView<const float> z, ActivationKind g, std::span<const float> weights) {
  const std::size_t channels = z.channels;
  ChannelMoments moments;
  moments.mean.resize(channels);
  moments.m2.resize(channels);
  moments.m3.resize(channels);
  moments.m4.resize(channels);
  const auto weight = [&](std::size_t r) { return weights.empty() ? 1.0 : double{weights[r]}; };
  const auto x = [&](std::size_t r, std::size_t c) { return reference::activate(g, double{z(r, c)}); };
  for (std::size_t r = 0; r < z.rows; ++r) moments.weight += weight(r);
  if (moments.weight == 0) return moments;
  std::vector<double> first(channels);
  for (std::size_t c = 0; c < channels; ++c) first[c] = x(0, c);
  for (std::size_t r = 0; r < z.rows; ++r) {
    for (std::size_t c = 0; c < channels; ++c) moments.mean[c] += weight(r) * (x(r, c) - first[c]);
  }
  for (std::size_t c = 0; c < channels; ++c) moments.mean[c] = first[c] + moments.mean[c] / moments.weight;
  for (std::size_t r = 0; r < z.rows; ++r) {
    const double w = weight(r);
    for (std::size_t c = 0; c < channels; ++c) {
      const double d = x(r, c) - moments.mean[c], square = d * d;
      moments.m2[c] += w * square;
      moments.m3[c] += w * square * d;
      moments.m4[c] += w * square * square;
    }
  }
  return moments;
}

}  // namespace ztilde
