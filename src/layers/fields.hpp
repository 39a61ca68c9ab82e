// How a layer lists its fields: for_each_field(layer, visit) calls
//   visit(name, field, limits)  with field a std::size_t, bool, double or enum, const or not, or Encode's
//   list of columns, each of which lists its own fields in the same way,
// and drives JSON writing, JSON reading and range checks alike.
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ztilde/network.hpp"

namespace ztilde::layers {

// The numbers a field may hold; nothing to say about truth values and enums.
struct Limits {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::max();
  bool most_is_allowed = true;
  bool required = false;  // has no default: a file must name it

  // NaN compares false and so is never allowed.
  bool allow(double value) const {
    return value >= least && (most_is_allowed ? value <= most : value < most);
  }
};

// Layer or const Layer.
template <class Candidate, class Kind>
concept Is = std::same_as<std::remove_const_t<Candidate>, Kind>;

// A trained tensor that a layer declares; see ParameterSlot.
struct ParameterShape {
  std::string_view name;
  std::size_t rows = 0;
  std::size_t columns = 1;
  bool is_weight_matrix = false;
  std::optional<std::size_t> column = {};
  std::size_t kernel = 0;
};

template <class Value>
struct NamedValue {
  Value value;
  std::string_view name;
};

inline constexpr NamedValue<ActivationKind> kActivationNames[] = {{ActivationKind::identity, "identity"},
                                                                  {ActivationKind::relu, "relu"},
                                                                  {ActivationKind::leaky_relu, "leaky_relu"},
                                                                  {ActivationKind::sigmoid, "sigmoid"},
                                                                  {ActivationKind::tanh, "tanh"},
                                                                  {ActivationKind::silu, "silu"},
                                                                  {ActivationKind::gelu, "gelu"}};

inline constexpr NamedValue<VarianceKind> kVarianceNames[] = {{VarianceKind::population, "population"},
                                                              {VarianceKind::unbiased, "unbiased"}};

inline constexpr NamedValue<Encoding> kEncodingNames[] = {
    {Encoding::numeric, "numeric"}, {Encoding::one_hot, "one_hot"}, {Encoding::embedding, "embedding"}};

inline constexpr NamedValue<MissingValue> kMissingNames[] = {
    {MissingValue::none, "none"}, {MissingValue::mean, "mean"}, {MissingValue::indicator, "indicator"}};

// The names of an enum that may stand in a field.
constexpr const auto& names_of(ActivationKind) { return kActivationNames; }
constexpr const auto& names_of(VarianceKind) { return kVarianceNames; }
constexpr const auto& names_of(Encoding) { return kEncodingNames; }
constexpr const auto& names_of(MissingValue) { return kMissingNames; }

template <class Enum>
std::string_view name_of(Enum value) {
  for (const auto& named : names_of(value)) {
    if (named.value == value) return named.name;
  }
  return "unknown";
}

}  // namespace ztilde::layers
