// Flatten: an image as one row of numbers, as they lie: [rows, height, width, channels] to
// [rows, height · width · channels]. The same numbers in the same places.
#pragma once

#include "layers/fields.hpp"

namespace ztilde::layers {

constexpr std::string_view layer_name(const Flatten&) { return "flatten"; }

template <Is<Flatten> L, class Visit>
void for_each_field(L&, Visit&&) {}

inline Shape output_shape(const Flatten&, const Shape& input) { return {1, 1, input.size()}; }
inline std::vector<ParameterShape> parameters(const Flatten&, const Shape&) { return {}; }
constexpr bool has_statistics(const Flatten&) { return false; }

}  // namespace ztilde::layers
