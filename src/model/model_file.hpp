// The model file in memory; save() and load() of ztilde/model.hpp are these and a file.
#pragma once

#include <string>
#include <string_view>

#include "model/safetensors.hpp"
#include "ztilde/model.hpp"

namespace ztilde::model_file {

// The same Model gives the same bytes. Throws Error(data) naming file_name for a model that load
// would refuse: arrays that do not fit the network, a NaN, a negative variance, …
safetensors::Pieces to_pieces(const Model& model,
                              const std::string& file_name);  // views of the model's memory, mostly
std::string to_bytes(const Model& model, const std::string& file_name);

// Refuses with Error(data) naming file_name whatever is not an undamaged model of a known version
// whose test rows come out as when it was written.
Model from_bytes(std::string_view content, const std::string& file_name);

// Refuses only what is no model of a known version at all. `refusal` has what from_bytes would say, if
// anything.
struct Unchecked {
  Model model;
  std::string refusal;
};
Unchecked from_bytes_unchecked(std::string_view content, const std::string& file_name);

}  // namespace ztilde::model_file
