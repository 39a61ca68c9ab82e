// A network as C: its numbers as arrays, its layers as calls.
#pragma once

#include <cstddef>
#include <string>

#include "exchange/c_functions.hpp"
#include "ztilde/model.hpp"

namespace ztilde::c_export {

// '$' stands for what all names begin with.
struct LayerSource {
  std::string arrays;    // the weights and what else is constant
  std::string calls;     // from `row` to `outputs`, by `scratch`; lines of a function's body
  Functions functions;   // that they call
  bool encodes = false;  // "$_encode", which is not among them, is called
  std::size_t scratch = 0;
};

// Requires a model that model_file::check_model passes. Throws Error(data) for what would leave the range of
// floats.
LayerSource layer_source_of(const Model& model);

}  // namespace ztilde::c_export
