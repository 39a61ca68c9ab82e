#include "kernels/text_marks.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/text_marks.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/text_marks_reference.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D8 = hn::ScalableTag<std::uint8_t>;
using DSigned = hn::ScalableTag<std::int8_t>;
constexpr std::size_t kPiece = 64;  // bytes, one bit of a mask each

struct Marker {
  hn::Vec<D8> delimiter, quote, line_feed, carriage_return;
  hn::Vec<DSigned> least;  // of all bytes; what is no ASCII is negative

  // One bit a byte of a piece, set where the text is cut.
  HWY_INLINE std::uint64_t mask(const char* piece) {
    const D8 d;
    constexpr std::size_t kBytes = hn::MaxLanes(D8());
    std::uint64_t bits = 0;
    std::uint8_t* out = reinterpret_cast<std::uint8_t*>(&bits);
    for (std::size_t i = 0; i < kPiece; i += kBytes) {
      const auto text = hn::LoadU(d, reinterpret_cast<const std::uint8_t*>(piece) + i);
      least = hn::Min(least, hn::BitCast(DSigned(), text));
      const auto cut = hn::Or(hn::Or(hn::Eq(text, delimiter), hn::Eq(text, quote)),
                              hn::Or(hn::Eq(text, line_feed), hn::Eq(text, carriage_return)));
      hn::StoreMaskBits(d, cut, out + i / 8);
    }
    return bits;
  }
};

// Eight places are written whether there are so many or not: a branch for each costs more.
HWY_INLINE std::uint32_t* write_places(std::uint64_t bits, std::uint32_t first, std::uint32_t* out) {
  const int count = std::popcount(bits);
  std::uint32_t* next = out;
  do {
    for (int i = 0; i < 8; ++i) {
      *next++ = first + static_cast<std::uint32_t>(std::countr_zero(bits));
      bits &= bits - 1;
    }
  } while (bits != 0);
  return out + count;
}

TextMarks MarkText(const char* text, std::size_t size, char delimiter, std::uint32_t* places) {
#if HWY_TARGET == HWY_SCALAR
  return reference::mark_text(text, size, delimiter, places);
#else
  const D8 d;
  const auto all = [&](char c) HWY_ATTR { return hn::Set(d, static_cast<std::uint8_t>(c)); };
  Marker marker{all(delimiter), all('"'), all('\n'), all('\r'), hn::Set(DSigned(), 1)};
  std::uint32_t* out = places;
  std::size_t at = 0;
  for (; at + kPiece <= size; at += kPiece) {
    out = write_places(marker.mask(text + at), static_cast<std::uint32_t>(at), out);
  }
  char rest[kPiece];
  std::memset(rest, delimiter == 'a' ? 'b' : 'a', kPiece);
  std::memcpy(rest, text + at, size - at);
  out = write_places(marker.mask(rest), static_cast<std::uint32_t>(at), out);
  const bool plain = hn::AllTrue(DSigned(), hn::Gt(marker.least, hn::Zero(DSigned())));
  return {static_cast<std::size_t>(out - places), plain};
#endif
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(MarkText);

TextMarks mark_text(const char* text, std::size_t size, char delimiter, std::uint32_t* places) {
  return HWY_DYNAMIC_DISPATCH(MarkText)(text, size, delimiter, places);
}

}  // namespace ztilde::kernels
#endif
