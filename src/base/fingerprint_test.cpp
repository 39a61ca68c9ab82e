#include "base/fingerprint.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace ztilde {
namespace {

std::uint64_t of(const std::vector<std::string>& lots) {
  Fingerprint fingerprint;
  for (const std::string& lot : lots) fingerprint.add(lot);
  return fingerprint.value();
}

TEST(Fingerprint, differs_for_every_flipped_bit_and_every_length) {
  const std::string text = "a row of numbers, and more of them";
  std::set<std::uint64_t> seen = {of({text})};
  std::size_t count = 1;
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit, ++count) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    seen.insert(of({changed}));
  }
  for (std::size_t size = 0; size < text.size(); ++size, ++count) seen.insert(of({text.substr(0, size)}));
  for (std::size_t zeros = 1; zeros < 20; ++zeros, ++count)
    seen.insert(of({text + std::string(zeros, '\0')}));
  EXPECT_EQ(seen.size(), count);
}

TEST(Fingerprint, keeps_lots_apart_and_their_order) {
  const std::set<std::uint64_t> seen = {of({"ab", "c"}),     of({"a", "bc"}), of({"abc"}),
                                        of({"abc", ""}),     of({"", "abc"}), of({"c", "ab"}),
                                        of({"ab", "c", ""}), of({})};
  EXPECT_EQ(seen.size(), 8u);
}

}  // namespace
}  // namespace ztilde
