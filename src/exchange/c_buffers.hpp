// Where the values of a network lie while one row goes through it, a layer at a time: in the row itself, in
// the outputs, or in scratch memory that values never alive together share.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ztilde/network.hpp"

namespace ztilde::c_export {

struct Place {
  enum Kind { row, outputs, scratch } kind = row;
  std::size_t offset = 0;    // of scratch, in floats
  std::string text() const;  // as C has it
  bool operator==(const Place&) const = default;
};

// A layer's work: it reads `from` (an Add `other` too) and leaves its result in `to`. Layers that work on one
// place alone have what they read copied there first, unless it is there already.
struct LayerPlaces {
  bool nothing_to_do = false;  // in use it leaves its values as they are
  Place from, to;
  std::optional<Place> other;
};

struct Buffers {
  std::vector<LayerPlaces> layers;
  Place last;               // where the network's outputs are in the end
  std::size_t scratch = 0;  // floats
};

// Requires a sound network.
Buffers buffers_of(const Network& network);

}  // namespace ztilde::c_export
