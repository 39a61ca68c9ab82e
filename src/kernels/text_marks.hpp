// Where a table's text is cut.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ztilde::kernels {

struct TextMarks {
  std::size_t count = 0;
  bool plain = true;  // every byte is ASCII and not zero
};

// Writes the places of all delimiters, quotes ("), LF and CR, in order.
//   text: [size], size < 2^32;  places: room for size + kSpareMarks
constexpr std::size_t kSpareMarks = 16;
TextMarks mark_text(const char* text, std::size_t size, char delimiter, std::uint32_t* places);

}  // namespace ztilde::kernels
