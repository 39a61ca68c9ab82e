#include "base/text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ztilde {
namespace {

using Names = std::vector<std::string>;

TEST(Text, with_commas_separates_thousands) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(with_commas(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(Text, counted_puts_all_but_one_in_the_plural) {
  EXPECT_EQ(counted(0, "row"), "0 rows");
  EXPECT_EQ(counted(1, "row"), "1 row");
  EXPECT_EQ(counted(2000, "row"), "2,000 rows");
  EXPECT_EQ(counted(1, "batch"), "1 batch");
  EXPECT_EQ(counted(4, "batch"), "4 batches");
  EXPECT_EQ(counted(3, "class"), "3 classes");
}

TEST(Text, nearest_names_takes_names_within_a_third_of_the_length) {
  const Names names = {"species", "sepal_length", "sepal_width", "petal_length"};
  EXPECT_EQ(nearest_names("spceies", names), Names{"species"});  // two neighbours swapped: one edit
  EXPECT_EQ(nearest_names("Species", names), Names{"species"});
  EXPECT_EQ(nearest_names("sepal_lenght", names), (Names{"sepal_length", "petal_length"}));
  EXPECT_EQ(nearest_names("abcdef", Names{"abXXef", "abXXXf"}), Names{"abXXef"});
  EXPECT_EQ(nearest_names("ag", Names{"age"}), Names{"age"});
  EXPECT_EQ(nearest_names("x", Names{"y"}), Names{});
  EXPECT_EQ(nearest_names("", Names{"y"}), Names{});
  EXPECT_EQ(nearest_names("colour", Names{}), Names{});
}

TEST(Text, nearest_names_gives_at_most_three_nearest_first) {
  const Names names = {"value12", "value1", "value2", "value3", "value"};
  EXPECT_EQ(nearest_names("value", names), (Names{"value", "value1", "value2"}));
}

TEST(Text, did_you_mean_offers_near_names_or_lists_known_ones) {
  EXPECT_EQ(did_you_mean("relv", Names{"relu", "tanh"}), "; did you mean relu?");
  EXPECT_EQ(did_you_mean("valu", Names{"val", "value"}), "; did you mean val or value?");
  EXPECT_EQ(did_you_mean("valu", Names{"val", "value", "valu2"}), "; did you mean val, value or valu2?");
  EXPECT_EQ(did_you_mean("nothing", Names{"relu", "tanh"}), "; known are relu, tanh");
  EXPECT_EQ(did_you_mean("nothing", Names{"relu"}), "; known is relu");
  EXPECT_EQ(did_you_mean("nothing", Names{"", "relu", ""}), "; known is relu");
  EXPECT_EQ(did_you_mean("nothing", Names{}), "");
  EXPECT_EQ(did_you_mean("nothing", Names(20, "a")),
            "; known are a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a");
  EXPECT_EQ(did_you_mean("nothing", Names(21, "a")),
            "; known are a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, …");
}

TEST(Text, printable_escapes_what_would_upset_a_terminal) {
  EXPECT_EQ(printable("plain text, γ̃ and 漢字 🙂"), "plain text, γ̃ and 漢字 🙂");
  EXPECT_EQ(printable("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(printable(std::string("\x1b[31m\0", 6)), "\\x1B[31m\\x00");
  EXPECT_EQ(printable("\x7f"), "\\x7F");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xC2\\x9B");           // a C1 control
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xE2\\x80\\xAE");  // right-to-left override
  EXPECT_EQ(printable("caf\xe9"), "caf\\xE9");              // Latin-1
  EXPECT_EQ(printable("\xc0\xaf"), "\\xC0\\xAF");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xED\\xA0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xe2\x82"), "\\xE2\\x82");           // cut short
}

TEST(Text, printable_cuts_after_the_limit_but_not_within_a_character) {
  EXPECT_EQ(printable("abcd", 4), "abcd");
  EXPECT_EQ(printable("abcde", 4), "abcd…");
  EXPECT_EQ(printable("abcγ", 4), "abc…");
  EXPECT_EQ(printable(std::string(100, 'x')), std::string(40, 'x') + "…");
}

}  // namespace
}  // namespace ztilde
