// The Encode layer as a description: its JSON, its layout, what it declares, what is refused.
#include "layers/encode.hpp"

#include <gtest/gtest.h>

#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::string_view kText = R"({"inputs": 4, "layers": [
  {"layer": "encode", "columns": [
    {"kind": "embedding", "categories": 20, "width": 3},
    {"kind": "numeric"},
    {"kind": "numeric", "missing": "indicator", "knots": 9},
    {"kind": "one_hot", "categories": 2}]},
  {"layer": "standardise"},
  {"layer": "dense", "outputs": 5, "bias": true}
]})";

std::string complaint(std::string_view columns) {
  try {
    network_from_json("{\"inputs\": 1, \"layers\": [{\"layer\": \"encode\", \"columns\": " +
                          std::string(columns) + "}, {\"layer\": \"dense\", \"outputs\": 1}]}",
                      "n");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(encode, json_reads_back_what_was_written) {
  const Network network = network_from_json(kText, "n");
  EXPECT_EQ(to_json(network), kText);
  EXPECT_EQ(network_from_json(to_json(network), "n"), network);
}

TEST(encode, features_are_grouped_numbers_first_and_tables_last) {
  const Network network = network_from_json(kText, "n");
  const layers::EncodeLayout layout = layers::layout_of(std::get<Encode>(network.layers[0]));
  EXPECT_EQ(layout.values, 2u);
  EXPECT_EQ(layout.columns[1].first, 0u);
  EXPECT_EQ(layout.columns[2].first, 1u);
  EXPECT_EQ(layout.columns[2].indicator, 2u);
  EXPECT_EQ(layout.columns[3].first, 3u);
  EXPECT_EQ(layout.columns[3].count, 3u);
  EXPECT_EQ(layout.tables, 6u);
  EXPECT_EQ(layout.columns[0].first, 6u);
  EXPECT_EQ(layout.features, 9u);
  EXPECT_EQ(layer_outputs(network), (std::vector<std::size_t>{9, 9, 5}));
}

TEST(encode, declares_a_table_for_each_embedding_and_its_fixed_numbers_before_the_statistics) {
  const Network network = network_from_json(kText, "n");
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  ASSERT_EQ(slots.size(), 3u);
  EXPECT_EQ(slots[0].column, 0u);
  EXPECT_EQ(slots[0].rows, 21u);
  EXPECT_EQ(slots[0].columns, 3u);
  EXPECT_FALSE(slots[1].column);
  EXPECT_EQ(parameter_count(network), 21u * 3 + 9 * 5 + 5);
  std::string numbers;
  for (const EncodingSlot& slot : encoding_slots(network)) {
    numbers += std::to_string(slot.column) + " " + std::string(slot.name) + " " + std::to_string(slot.size) +
               " at " + std::to_string(slot.offset) + "\n";
  }
  EXPECT_EQ(numbers,
            "0 frequency 21 at 0\n2 fill 1 at 21\n2 knots 9 at 22\n2 values 9 at 31\n3 frequency 3 at 40\n");
  EXPECT_EQ(statistic_slots(network)[0].offset, 43u);
  EXPECT_EQ(statistic_arena_size(network), 43u + 18);
}

TEST(encode, anything_but_a_category_is_the_last_slot) {
  EXPECT_EQ(layers::category_of(0, 3), 0u);
  EXPECT_EQ(layers::category_of(2, 3), 2u);
  for (const double raw : {3.0, 4.0, -1.0, 1e30, -1e30, std::nan(""), HUGE_VAL}) {
    EXPECT_EQ(layers::category_of(raw, 3), 3u) << raw;
  }
}

TEST(encode, refusals_name_the_column_and_the_cure) {
  EXPECT_EQ(complaint(R"([{"kind": "numeric"}])"), "");
  EXPECT_EQ(complaint("[]"), "n: layer 0 (encode): it has 0 columns for 1 input; give each input one");
  EXPECT_EQ(complaint("3"), "n: layer 0: \"columns\" is 3; it must be a list of columns");
  EXPECT_EQ(complaint("[3]"),
            "n: layer 0, column 0 is 3; it must be an object such as {\"kind\": \"numeric\"}");
  EXPECT_EQ(complaint(R"([{"kind": "onehot"}])"),
            "n: layer 0, column 0: unknown kind \"onehot\"; did you mean one_hot?");
  EXPECT_EQ(complaint(R"([{"kid": "numeric"}])"),
            "n: layer 0, column 0: unknown field \"kid\"; did you mean kind?");
  EXPECT_EQ(complaint(R"([{"kind": "one_hot"}])"),
            "n: layer 0 (encode): column 0: \"categories\" is 0; one_hot needs at least 1");
  EXPECT_EQ(complaint(R"([{"kind": "embedding", "categories": 4}])"),
            "n: layer 0 (encode): column 0: \"width\" is 0; embedding needs at least 1");
  EXPECT_EQ(complaint(R"([{"kind": "one_hot", "categories": 4, "width": 2}])"),
            "n: layer 0 (encode): column 0: one_hot has no \"width\"; leave it out");
  EXPECT_EQ(
      complaint(R"([{"kind": "one_hot", "categories": 4, "knots": 2}])"),
      "n: layer 0 (encode): column 0: \"missing\" and \"knots\" are for numbers; leave them out of one_hot");
  EXPECT_EQ(complaint(R"([{"categories": 4}])"),
            "n: layer 0 (encode): column 0: a numeric column has no \"categories\"; leave them out");
  EXPECT_EQ(complaint(R"([{"knots": 1}])"),
            "n: layer 0 (encode): column 0: \"knots\" is 1; a map needs at least 2, or 0 for none");
  EXPECT_EQ(complaint(R"([{"kind": "one_hot", "categories": 16777217}])"),
            "n: layer 0, column 0: \"categories\" is 16777217; it must be a whole number from 0 to 16777216");
  EXPECT_THROW(network_from_json(R"({"inputs": 1, "layers": [{"layer": "encode"}]})", "n"), Error);
  EXPECT_THROW(validate({1, {Dense{1}, Encode{{EncodedColumn{}}}}}), Error);
  EXPECT_THROW(validate({1, {Encode{{EncodedColumn{}}}, Dense{1}, Standardise{}}}), Error);
}

}  // namespace
}  // namespace ztilde
