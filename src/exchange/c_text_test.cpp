// Numbers and texts as C reads them.
#include "exchange/c_text.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "base/random.hpp"

namespace ztilde::c_text {
namespace {

TEST(CText, numbers_read_back_as_the_same_bits) {
  std::vector<float> values = {0.0f,
                               -0.0f,
                               1,
                               -1,
                               0.1f,
                               1e10f,
                               123456784,
                               std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::min(),
                               std::numeric_limits<float>::denorm_min(),
                               16777216};
  const RandomStream stream(1, Purpose::initialise, 0, 0);
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const float any = std::bit_cast<float>(stream.below(std::numeric_limits<std::uint32_t>::max(), i));
    if (std::isfinite(any)) values.push_back(any);
  }
  for (const float value : values) {
    const std::string text = number(value);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(std::strtof(text.c_str(), nullptr)),
              std::bit_cast<std::uint32_t>(value))
        << text;
    // A floating constant has a point or an exponent, and one f.
    EXPECT_NE(text.find_first_of(".e"), text.npos) << text;
    EXPECT_EQ(text.find('f'), text.size() - 1) << text;
    const double twice = double{value} / 3;
    EXPECT_EQ(std::strtod(number(twice).c_str(), nullptr), twice);
  }
  EXPECT_EQ(number(1.0f), "1.0f");
  EXPECT_EQ(number(std::numeric_limits<float>::quiet_NaN()), "NAN");
}

TEST(CText, literals_are_ascii_without_trigraphs_and_end_where_they_should) {
  EXPECT_EQ(literal("plain"), "\"plain\"");
  EXPECT_EQ(literal(""), "\"\"");
  EXPECT_EQ(literal("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(literal("what?"
                    "?/"),
            R"("what\?\?/")");
  EXPECT_EQ(literal("\xC3\xA9"
                    "1"),
            R"("\303\2511")");
  EXPECT_EQ(literal("\n\x01"
                    "7"),
            R"("\012\0017")");
  // What all names begin with is put in its place later.
  EXPECT_EQ(literal("US$"), R"("US\044")");
  EXPECT_EQ(with_name("$_x = " + literal("$"), "net"), R"(net_x = "\044")");
}

TEST(CText, comments_neither_end_nor_begin_in_a_text) {
  for (const std::string text : {"*/", "/*", "**//", "*/ int x; /*",
                                 "?"
                                 "?/",
                                 "a\nb", "\xC3\xA9", "a$b", "/*/"}) {
    const std::string shown = in_comment(text);
    for (const char* part : {"*/", "/*", "??", "\n", "$"}) EXPECT_EQ(shown.find(part), shown.npos) << shown;
    for (const char c : shown) EXPECT_TRUE(c >= ' ' && c <= '~') << shown;
  }
}

}  // namespace
}  // namespace ztilde::c_text
