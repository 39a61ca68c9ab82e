#include "kernels/text_marks.hpp"

#include <random>
#include <string>

#include "kernels/kernels_test_support.hpp"
#include "kernels/text_marks_reference.hpp"

namespace ztilde::kernels::test {
namespace {

struct Marked {
  std::vector<std::uint32_t> places;
  bool plain = true;
  bool operator==(const Marked&) const = default;
};

template <class Mark>
Marked marked(const std::string& text, char delimiter, const Mark& mark) {
  Marked result;
  result.places.resize(text.size() + kSpareMarks);
  const TextMarks marks = mark(text.data(), text.size(), delimiter, result.places.data());
  result.places.resize(marks.count);
  result.plain = marks.plain;
  return result;
}

// Texts of every length around the vectors', from mostly digits to nothing but marks.
TEST(TextMarks, are_where_the_reference_finds_them) {
  std::mt19937 random(7);
  const std::string marks = ",;\"\n\r", others = "0123456789.-abz\t ~\x01";
  for (std::size_t size = 0; size <= 300; ++size) {
    const auto share = static_cast<double>(size % 11) / 10;
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
      const std::string& from = std::bernoulli_distribution(share)(random) ? marks : others;
      text += from[random() % from.size()];
    }
    for (const char delimiter : {',', ';', '\t', 'a', '~'}) {
      const Marked expected = marked(text, delimiter, reference::mark_text);
      on_every_target([&] { ASSERT_EQ(marked(text, delimiter, mark_text), expected) << size; });
    }
  }
}

TEST(TextMarks, tell_of_one_byte_that_is_zero_or_no_ascii_wherever_it_is) {
  for (std::size_t size = 1; size <= 140; ++size) {
    for (const char odd : {'\0', '\x80', '\xC3', '\xFF'}) {
      std::string text(size, '1');
      on_every_target([&] { ASSERT_TRUE(marked(text, ',', mark_text).plain); });
      text[size / 3] = odd;
      on_every_target([&] { ASSERT_FALSE(marked(text, ',', mark_text).plain) << size; });
      text.assign(size, '1');
      text[size - 1] = odd;
      on_every_target([&] { ASSERT_FALSE(marked(text, ',', mark_text).plain) << size; });
    }
  }
}

}  // namespace
}  // namespace ztilde::kernels::test
