// Dropout: each element is 0 with the given probability, else divided by 1 - probability.
//   x, y: [rows, channels]; element (r, c) is number r · channels + c of the layer's random stream.
// Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
#pragma once

#include "base/random.hpp"
#include "layers/fields.hpp"
#include "layers/scalar.hpp"
#include "ztilde/matrix_view.hpp"

namespace ztilde::layers {

constexpr std::string_view layer_name(const Dropout&) { return "dropout"; }

template <Is<Dropout> L, class Visit>
void for_each_field(L& layer, Visit&& visit) {
  visit("probability", layer.probability, Limits{.least = 0, .most = 1, .most_is_allowed = false});
}

inline Shape output_shape(const Dropout&, const Shape& input) { return input; }
inline std::vector<ParameterShape> parameters(const Dropout&, const Shape&) { return {}; }
constexpr bool has_statistics(const Dropout&) { return false; }

}  // namespace ztilde::layers

namespace ztilde::reference {

// Its own backward pass, with d_y for x: the mask comes again from the stream.
template <class T>
void dropout(const Dropout& layer, const RandomStream& stream, MatrixView<const T> x, MatrixView<T> y) {
  const auto threshold = static_cast<std::uint64_t>(layer.probability * 4294967296.0);
  const T scale = T(1) / number<T>(1.0 - layer.probability);
  for (std::size_t r = 0; r < x.rows; ++r) {
    for (std::size_t c = 0; c < x.channels; ++c) {
      const bool dropped = stream.bits(r * x.channels + c) < threshold;
      y(r, c) = dropped ? T(0) : x(r, c) * scale;
    }
  }
}

}  // namespace ztilde::reference
