// The scalar twin of text_marks.hpp.
#pragma once

#include "kernels/text_marks.hpp"

namespace ztilde::kernels::reference {

inline TextMarks mark_text(const char* text, std::size_t size, char delimiter, std::uint32_t* places) {
  TextMarks marks;
  for (std::size_t i = 0; i < size; ++i) {
    const char c = text[i];
    marks.plain &= c != 0 && static_cast<unsigned char>(c) < 0x80;
    if (c == delimiter || c == '"' || c == '\n' || c == '\r') {
      places[marks.count++] = static_cast<std::uint32_t>(i);
    }
  }
  return marks;
}

}  // namespace ztilde::kernels::reference
