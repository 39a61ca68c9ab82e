// Networks from files that leave to the data what only they know.
#include <gtest/gtest.h>

#include "ztilde/error.hpp"
#include "ztilde/network.hpp"

namespace ztilde {
namespace {

const NetworkGaps kTable{.input = {1, 1, 4}, .outputs = 3};
const NetworkGaps kImages{.input = {8, 6, 3}, .outputs = 10};

NetworkGaps with_depth(NetworkGaps gaps, std::size_t depth) {
  gaps.depth = depth;
  return gaps;
}

std::string complaint(const std::string& text, const NetworkGaps& gaps) {
  try {
    network_from_template(text, "net.json", gaps);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "";
}

// The complaint about some layers in front of a last one.
std::string complaint_about(const std::string& layers, const NetworkGaps& gaps = kTable) {
  return complaint(R"({"layers": [)" + layers + R"(, {"layer": "dense"}]})", gaps);
}

TEST(NetworkTemplate, takes_inputs_and_outputs_from_a_table) {
  const char* text = R"({"layers": [{"layer": "standardise"}, {"layer": "dense", "outputs": 8, "bias": false},
                                     {"layer": "batch_norm"}, {"layer": "activation"}, {"layer": "dense"}]})";
  const Network expected{4, {Standardise{}, Dense{8, false}, BatchNorm{}, Activation{}, Dense{3}}};
  EXPECT_EQ(network_from_template(text, "n", kTable), expected);
}

TEST(NetworkTemplate, takes_height_and_width_from_images) {
  const char* text = R"({"layers": [{"layer": "conv2d", "outputs": 8}, {"layer": "global_average_pool"},
                                     {"layer": "dense", "bias": false}]})";
  const Network expected{8 * 6 * 3, {Conv2d{8}, GlobalAveragePool{}, Dense{10, false}}, 8, 6};
  EXPECT_EQ(network_from_template(text, "n", kImages), expected);
}

TEST(NetworkTemplate, only_the_last_dense_layer_is_filled_whatever_comes_after_it) {
  const char* text =
      R"({"layers": [{"layer": "dense", "outputs": 5}, {"layer": "dense"}, {"layer": "dropout"}]})";
  EXPECT_EQ(network_from_template(text, "n", kTable), (Network{4, {Dense{5}, Dense{3}, Dropout{}}}));
  EXPECT_EQ(complaint_about(R"({"layer": "dense"})"),
            "net.json: layer 0: \"outputs\" is missing; it must be a whole number from 1");
}

TEST(NetworkTemplate, a_complete_file_is_taken_as_it_is) {
  const Network images{8 * 6 * 3, {Conv2d{8}, GlobalAveragePool{}, Dense{10}}, 8, 6};
  EXPECT_EQ(network_from_template(to_json(images), "n", kImages), images);
  // The numbers of an image as a row, as networks without convolutions take them.
  const Network flat{8 * 6 * 3, {Standardise{}, Dense{10}}};
  EXPECT_EQ(network_from_template(to_json(flat), "n", kImages), flat);
  const Network table{4, {Standardise{}, Dense{3}}};
  EXPECT_EQ(network_from_template(to_json(table), "n", kTable), table);
}

TEST(NetworkTemplate, columns_of_a_table_may_be_the_pixels_of_an_image) {
  const char* text = R"({"height": 2, "width": 6, "layers": [{"layer": "conv2d", "outputs": 8},
                                     {"layer": "flatten"}, {"layer": "dense"}]})";
  EXPECT_EQ(network_from_template(text, "n", {.input = {1, 1, 24}, .outputs = 3}),
            (Network{24, {Conv2d{8}, Flatten{}, Dense{3}}, 2, 6}));
  EXPECT_EQ(complaint(text, {.input = {1, 1, 25}, .outputs = 3}),
            "net.json: inputs is 25, height 2, width 6; inputs must be height · width · channels");
}

TEST(NetworkTemplate, the_encoding_of_the_data_goes_first_where_the_file_has_none) {
  NetworkGaps gaps{.input = {1, 1, 2}, .outputs = 1};
  gaps.encode = Encode{{EncodedColumn{}, EncodedColumn{Encoding::one_hot, 3, 0, MissingValue::none, 0}}};
  const std::string start = R"({"layers": [)", end = R"({"layer": "standardise"}, {"layer": "dense"}]})";
  EXPECT_EQ(network_from_template(start + end, "n", gaps),
            (Network{2, {*gaps.encode, Standardise{}, Dense{1}}}));
  const std::string own = R"({"layer": "encode", "columns": [{}, {"kind": "one_hot", "categories": 5}]}, )";
  const Network given = network_from_template(start + own + end, "n", gaps);
  EXPECT_EQ(std::get<Encode>(given.layers[0]).columns[1].categories, 5u);
  EXPECT_EQ(given.layers.size(), 3u);
  const Network complete = network_from_template(R"({"inputs": 2, "layers": [)" + end, "n", gaps);
  EXPECT_EQ(complete, (Network{2, {Standardise{}, Dense{1}}}));
}

TEST(NetworkTemplate, repeat_stands_for_its_layers_so_many_times) {
  const std::string text = R"({"layers": [{"layer": "dense", "outputs": 8},
      {"repeat": 3, "layers": [{"layer": "dense", "outputs": 8}, {"layer": "activation"}, {"layer": "add", "back": 3}]},
      {"layer": "dropout"}, {"repeat": 1, "layers": [{"layer": "dense"}]}]})";
  Network expected{4, {Dense{8}}};
  for (int i = 0; i < 3; ++i) expected.layers.insert(expected.layers.end(), {Dense{8}, Activation{}, Add{3}});
  expected.layers.insert(expected.layers.end(), {Dropout{}, Dense{3}});
  EXPECT_EQ(network_from_template(text, "n", kTable), expected);
}

TEST(NetworkTemplate, depth_is_what_the_caller_says) {
  const std::string text = R"({"layers": [{"repeat": "depth", "layers": [{"layer": "activation"}]},
      {"layer": "dropout"}, {"repeat": "depth", "layers": [{"layer": "batch_norm"}]}, {"layer": "dense"}]})";
  EXPECT_EQ(network_from_template(text, "n", with_depth(kTable, 2)),
            (Network{4, {Activation{}, Activation{}, Dropout{}, BatchNorm{}, BatchNorm{}, Dense{3}}}));
}

TEST(NetworkTemplate, inputs_that_contradict_the_data_are_refused) {
  const auto of = [](const std::string& inputs) {
    return "{" + inputs + R"(, "layers": [{"layer": "dense"}]})";
  };
  EXPECT_EQ(complaint(of(R"("inputs": 5)"), kTable),
            "net.json: the network takes 5 inputs, the data have 4; leave \"inputs\" out, or set it to 4");
  EXPECT_EQ(
      complaint(of(R"("inputs": 784)"), {.input = {32, 32, 3}, .outputs = 2}),
      "net.json: the network takes 784 inputs, the data have 3,072; leave \"inputs\" out, or set it to 3072");
  EXPECT_EQ(complaint(of(R"("height": 6, "width": 8)"), kImages),
            "net.json: the network takes images of 6 × 8 pixels, those of the data have 8 × 6 pixels; leave "
            "\"height\" and \"width\" out");
  EXPECT_EQ(complaint(of(R"("inputs": 144, "height": 1, "width": 1)"), kImages),
            "net.json: the network takes images of 1 × 1 pixels, those of the data have 8 × 6 pixels; leave "
            "\"height\" and \"width\" out");
  EXPECT_EQ(complaint(of(R"("height": 8)"), kImages),
            "net.json: \"width\" is missing; it must be a whole number from 1");
  EXPECT_EQ(complaint(of(R"("inputs": "all")"), kTable),
            "net.json: \"inputs\" is text; it must be a whole number from 1");
}

TEST(NetworkTemplate, outputs_that_contradict_the_data_are_refused) {
  const std::string dense = R"({"layers": [{"layer": "dense", "outputs": 2}]})";
  EXPECT_EQ(
      complaint(dense, kTable),
      "net.json: the network ends with 2 outputs, the data need 3; leave the \"outputs\" of its last dense "
      "layer out");
  EXPECT_EQ(
      complaint(R"({"layers": [{"layer": "conv2d", "outputs": 1200}, {"layer": "global_average_pool"}]})",
                {.input = {8, 6, 3}, .outputs = 1000}),
      "net.json: the network ends with 1,200 outputs, the data need 1,000; end it with a dense layer without "
      "\"outputs\"");
  // Two classes: one output, or one for each.
  EXPECT_EQ(complaint(dense, {.input = {1, 1, 4}, .outputs = 1, .more_outputs = 2}), "");
  EXPECT_NE(complaint(dense, {.input = {1, 1, 4}, .outputs = 1}), "");
}

TEST(NetworkTemplate, images_do_not_enter_a_dense_layer) {
  EXPECT_EQ(
      complaint(R"({"layers": [{"layer": "dense"}]})", kImages),
      "net.json: layer 0 (dense): 8 × 6 pixels of 3 channels enter it; put flatten or global_average_pool "
      "before it");
}

TEST(NetworkTemplate, convolutions_do_not_work_on_a_table) {
  EXPECT_EQ(
      complaint_about(R"({"layer": "conv2d", "outputs": 4})"),
      "net.json: layer 0 (conv2d): its kernel of 3 × 3 pixels is for images; give the network's height and "
      "width");
}

TEST(NetworkTemplate, repetitions_that_cannot_be_are_refused) {
  const auto repeat = [](const std::string& fields) {
    return R"({"layer": "activation"}, {"repeat": )" + fields + "}";
  };
  const std::string layers = R"(, "layers": [{"layer": "dropout"}])";
  for (const std::string times : {"0", "-1", "1.5", "10001", "true", "null", "\"width\"", "[2]"}) {
    const std::string message = complaint_about(repeat(times + layers));
    EXPECT_EQ(message.rfind("net.json: layer 1: \"repeat\" is ", 0), 0u) << message;
    EXPECT_NE(message.find("; it must be a whole number from 1 to 10000, or \"depth\""), message.npos)
        << message;
  }
  EXPECT_EQ(complaint_about(repeat("2" + layers + ", \"layer\": \"dense\"")),
            "net.json: layer 1: unknown field \"layer\"; did you mean layers?");
  EXPECT_EQ(complaint_about(repeat("2")),
            "net.json: layer 1: \"layers\" is missing; it must be a list of the layers to repeat");
  EXPECT_EQ(complaint_about(repeat("2, \"layers\": {}")),
            "net.json: layer 1: \"layers\" is an object; it must be a list of the layers to repeat");
  EXPECT_EQ(complaint_about(repeat("2, \"layers\": []")),
            "net.json: layer 1: it repeats no layers; give it one or more");
  EXPECT_EQ(complaint_about(repeat("2, \"layers\": [{\"repeat\": 2" + layers + "}]")),
            "net.json: layer 1: one repeat is inside another; write one of them out");
  EXPECT_EQ(complaint_about(repeat("6000" + layers) + ", " + repeat("6000" + layers)),
            "net.json: it has more than 10,000 layers; repeat them less often");
}

TEST(NetworkTemplate, a_depth_that_is_missing_or_of_no_use_is_refused) {
  const std::string deep = R"({"repeat": "depth", "layers": [{"layer": "dropout"}]})";
  EXPECT_EQ(
      complaint_about(deep),
      "net.json: layer 0: it repeats \"depth\" times, and no depth is given; give one after the name, as in "
      "resmlp:6");
  EXPECT_EQ(complaint_about(deep, with_depth(kTable, 0)),
            "net.json: layer 0: the depth is 0; it must be a whole number from 1 to 10000");
  EXPECT_EQ(complaint_about(R"({"repeat": 6, "layers": [{"layer": "dropout"}]})", with_depth(kTable, 6)),
            "net.json: a depth of 6 is given, and the file repeats nothing \"depth\" times; leave it out");
}

TEST(NetworkTemplate, messages_count_layers_with_repetitions_written_out) {
  const std::string front = R"({"repeat": 3, "layers": [{"layer": "dropout"}, {"layer": "activation"}]}, )";
  EXPECT_EQ(
      complaint_about(front + "7"),
      "net.json: layer 6 is 7; it must be an object such as {\"layer\": \"activation\", \"kind\": \"relu\"}");
  EXPECT_EQ(
      complaint_about(front + R"({"layer": "standardise"})"),
      "net.json: layer 6 (standardise): it works on inputs only; make it the first layer or the one after "
      "encode, or take it out");
}

TEST(NetworkTemplate, what_a_complete_file_must_not_be_a_template_must_not_be_either) {
  EXPECT_EQ(complaint("[]", kTable),
            "net.json: the network is a list; it must be an object with \"inputs\" and \"layers\"");
  EXPECT_EQ(complaint("{}", kTable), "net.json: \"layers\" is missing; it must be a list");
  EXPECT_EQ(complaint(R"({"layers": 3})", kTable), "net.json: \"layers\" is 3; it must be a list");
  EXPECT_EQ(complaint(R"({"layer": []})", kTable), "net.json: unknown field \"layer\"; did you mean layers?");
  EXPECT_EQ(complaint(R"({"layers": []})", kTable),
            "net.json: the network has neither a dense nor a conv2d layer; it needs at least one");
  EXPECT_EQ(complaint("{", kTable).rfind("net.json:1:2: this is not JSON: ", 0), 0u);
}

}  // namespace
}  // namespace ztilde
