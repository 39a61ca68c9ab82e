// A number that tells whether two lots of bytes are the same, quick enough for a whole data set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace ztilde {

// Every step is a bijection of the state for a given word and of the word for a given state: a change
// within one word of eight bytes is always seen, any other passes once in about 10¹⁹ by chance. Not
// made against somebody who tries. Lots added one after another are kept apart by their sizes.
class Fingerprint {
 public:
  void add(std::string_view bytes) {
    add_word(bytes.size());
    std::size_t i = 0;
    for (std::uint64_t word = 0; i + sizeof word <= bytes.size(); i += sizeof word) {
      std::memcpy(&word, bytes.data() + i, sizeof word);
      add_word(word);
    }
    std::uint64_t rest = 0;
    if (i < bytes.size()) std::memcpy(&rest, bytes.data() + i, bytes.size() - i);
    add_word(rest);
  }
  template <class Number>
  void add(std::span<const Number> numbers) {
    add(std::string_view(reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()));
  }
  std::uint64_t value() const { return state_; }

 private:
  void add_word(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9E3779B97F4A7C15u;  // odd: 2⁶⁴ over the golden ratio
    state_ ^= state_ >> 32;
  }
  std::uint64_t state_ = 0x243F6A8885A308D3u;  // of π: from 0, zeros would change nothing
};

}  // namespace ztilde
