// All layers together, and how to visit one. A new layer is a struct in the variant, a header like
// dense.hpp included here, and whatever visits the compiler then reports as missing.
#pragma once

#include <variant>

#include "layers/activation.hpp"
#include "layers/batch_norm.hpp"
#include "layers/conv2d.hpp"
#include "layers/dense.hpp"
#include "layers/dropout.hpp"
#include "layers/encode.hpp"
#include "layers/flatten.hpp"
#include "layers/pooling.hpp"
#include "layers/residual.hpp"
#include "layers/standardise.hpp"

namespace ztilde::layers {

// std::visit(overloaded{[](const Dense&) {…}, …}, layer), one lambda a layer and no catch-all.
template <class... Visits>
struct overloaded : Visits... {
  using Visits::operator()...;
};
template <class... Visits>
overloaded(Visits...) -> overloaded<Visits...>;  // which clang 14 does not make by itself

inline std::string_view name_of_layer(const Layer& layer) {
  return std::visit([](const auto& kind) { return layer_name(kind); }, layer);
}

// "layer 2 (batch_norm)", as messages name layers: counted from 0, like the tensors in a model file
// and the modules of torch.nn.Sequential.
std::string label(const Network& network, std::size_t index);

// "it must be at least 0" and the like, for a number; for messages.
std::string must_be(const Limits& limits, bool whole);

}  // namespace ztilde::layers
