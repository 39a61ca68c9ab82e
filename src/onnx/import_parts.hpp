// The network while it is read: layers in any order, each with its numbers and whom it reads, and how they
// become a Network, whose layers stand in a row.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ztilde/model.hpp"
#include "ztilde/onnx_import.hpp"

namespace ztilde::onnx_import {

// scale · x + shift by channel, or of all channels where there is one number; empty: 1 and 0.
struct Affine {
  std::vector<double> scale, shift;
  double scale_of(std::size_t channel) const { return of(scale, channel, 1); }
  double shift_of(std::size_t channel) const { return of(shift, channel, 0); }
  bool is_identity() const;
  bool is_shift() const;  // scale 1
  // What comes of doing `next` to its result.
  void then(const Affine& next);

 private:
  static double of(const std::vector<double>& numbers, std::size_t channel, double standard) {
    return numbers.empty() ? standard : numbers[numbers.size() == 1 ? 0 : channel];
  }
};

// The raw input of the network.
struct Input {};

// A layer, or what becomes one once all of its readers are known. Numbers lie as the network has them.
struct Part {
  std::variant<Input, Layer, Affine> what;
  std::size_t source = 0;
  std::size_t other = 0;  // that an Add adds
  Shape shape;            // what leaves it
  std::vector<float> weight, bias;
  std::vector<double> mean, variance;
  std::string node;           // whose layer this is, as messages call it
  bool not_negative = false;  // no number that leaves it is below 0
};

using Parts = std::vector<Part>;  // the first is the input

struct Assembled {
  Network network;
  std::vector<float> parameters;
  std::vector<double> statistics;
  std::size_t channels = 0;  // of the output before it was flattened
};

// The layers that `output` needs. What is added or becomes something else than the file had is noted.
Assembled assemble(Parts parts, std::size_t output, std::vector<OnnxNote>& notes);

}  // namespace ztilde::onnx_import
