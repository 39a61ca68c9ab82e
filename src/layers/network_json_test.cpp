#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <ostream>

#include "ztilde/error.hpp"
#include "ztilde/network.hpp"

namespace ztilde {

void showValue(const Network& network, std::ostream& os) { os << to_json(network); }

namespace {

const Network kExample{
    784, {Standardise{}, Dense{256, false}, BatchNorm{}, Activation{}, Dropout{0.5}, Dense{10, true}}};

constexpr const char* kExampleText = R"({"inputs": 784, "layers": [
  {"layer": "standardise"},
  {"layer": "dense", "outputs": 256, "bias": false},
  {"layer": "batch_norm", "epsilon": 1e-05, "keep": 0.9, "running_variance": "population"},
  {"layer": "activation", "kind": "relu"},
  {"layer": "dropout", "probability": 0.5},
  {"layer": "dense", "outputs": 10, "bias": true}
]})";

// Every layer of images, each field away from its default somewhere.
std::vector<Network> image_networks() {
  return {
      {28 * 20 * 3,
       {Standardise{}, Conv2d{8, 3, 1, 1, false, false}, BatchNorm{}, Activation{}, MaxPool{}, Dropout{0.25},
        Conv2d{8, 5, 2, 2, true}, AveragePool{3, 1}, MaxPool{2, 3}, Flatten{}, Dense{4}},
       28,
       20},
      {8 * 8,
       {Conv2d{4}, BatchNorm{}, Activation{}, Conv2d{6, 3, 2}, BatchNorm{}, Shortcut{3}, Conv2d{6, 1, 2, 0},
        Add{3}, AveragePool{}, GlobalAveragePool{}, Dense{3}},
       8,
       8},
  };
}

const std::string kLayerNames =
    "encode, standardise, dense, batch_norm, activation, dropout, conv2d, max_pool, average_pool, "
    "global_average_pool, flatten, add, shortcut";

// The message with which a text is refused; empty where it is accepted.
std::string complaint(std::string_view text) {
  try {
    network_from_json(text, "net.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "";
}

std::string complaint_about_layer(const std::string& layer) {
  return complaint(R"({"inputs": 4, "layers": [{"layer": "dense", "outputs": 2}, )" + layer + "]}");
}

bool starts_with(const std::string& text, std::string_view start) { return text.rfind(start, 0) == 0; }

TEST(network_json, is_written_one_layer_a_line) { EXPECT_EQ(to_json(kExample), kExampleText); }

TEST(network_json, is_read_as_it_was_written) { EXPECT_EQ(network_from_json(kExampleText, "x"), kExample); }

TEST(network_json, images_have_height_and_width) {
  const Network network{4 * 6 * 2,
                        {Conv2d{3, 3, 2, 1, false, false}, MaxPool{}, Shortcut{2}, AveragePool{2, 1}, Add{2},
                         GlobalAveragePool{}, Flatten{}, Conv2d{3, 1, 1, 0, true}, Add{2}},
                        4,
                        6};
  // Written only; whether it can work is not asked.
  EXPECT_EQ(to_json(network), R"({"inputs": 48, "height": 4, "width": 6, "layers": [
  {"layer": "conv2d", "outputs": 3, "kernel": 3, "stride": 2, "padding": 1, "depthwise": false, "bias": false},
  {"layer": "max_pool", "kernel": 2, "stride": 2},
  {"layer": "shortcut", "back": 2},
  {"layer": "average_pool", "kernel": 2, "stride": 1},
  {"layer": "add", "back": 2},
  {"layer": "global_average_pool"},
  {"layer": "flatten"},
  {"layer": "conv2d", "outputs": 3, "kernel": 1, "stride": 1, "padding": 0, "depthwise": true, "bias": true},
  {"layer": "add", "back": 2}
]})");
}

TEST(network_json, images_are_read_as_they_were_written) {
  for (const Network& network : image_networks())
    EXPECT_EQ(network_from_json(to_json(network), "x"), network);
}

// A column of numbers that is an image.
TEST(network_json, a_width_of_1_is_written_where_the_height_is_not) {
  const Network network{12, {Conv2d{2, 1, 1, 0}, GlobalAveragePool{}}, 12, 1};
  EXPECT_TRUE(starts_with(to_json(network), R"({"inputs": 12, "height": 12, "width": 1, "layers")"));
  EXPECT_EQ(network_from_json(to_json(network), "x"), network);
}

rc::Gen<std::size_t> some_size() { return rc::gen::inRange<std::size_t>(1, 2000); }

// Every digit of a double is in play, not only short ones.
rc::Gen<double> from_0_below_1() {
  return rc::gen::map(rc::gen::resize(1000, rc::gen::arbitrary<std::uint64_t>()),
                      [](std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; });
}
rc::Gen<double> finite_from_0() {
  return rc::gen::map(rc::gen::resize(1000, rc::gen::arbitrary<std::uint64_t>()), [](std::uint64_t bits) {
    const double value = std::bit_cast<double>(bits >> 1);
    return std::isfinite(value) ? value : 0.0;
  });
}

rc::Gen<Layer> any_layer() {
  const auto kind = rc::gen::element(ActivationKind::identity, ActivationKind::relu,
                                     ActivationKind::leaky_relu, ActivationKind::sigmoid,
                                     ActivationKind::tanh, ActivationKind::silu, ActivationKind::gelu);
  const auto variance = rc::gen::element(VarianceKind::population, VarianceKind::unbiased);
  return rc::gen::oneOf(rc::gen::apply(
                            [](std::size_t n, bool bias) {
                              return Layer{Dense{n, bias}};
                            },
                            some_size(), rc::gen::arbitrary<bool>()),
                        rc::gen::apply(
                            [](double e, double k, VarianceKind v) {
                              return Layer{BatchNorm{e, k, v}};
                            },
                            finite_from_0(), from_0_below_1(), variance),
                        rc::gen::map(kind, [](ActivationKind k) { return Layer{Activation{k}}; }),
                        rc::gen::map(from_0_below_1(), [](double p) { return Layer{Dropout{p}}; }));
}

// Far from running out of pixels.
RC_GTEST_PROP(network_json, images_round_trip_exactly, ()) {
  const auto small = rc::gen::inRange<std::size_t>(1, 9);
  const std::size_t channels = *some_size(), height = *rc::gen::inRange<std::size_t>(1000, 5000);
  const std::size_t width = *rc::gen::inRange<std::size_t>(1000, 5000), kernel = *small;
  const Network network{
      height * width * channels,
      {Conv2d{*some_size(), kernel, *small, *rc::gen::inRange<std::size_t>(0, kernel), false,
              *rc::gen::arbitrary<bool>()},
       MaxPool{*small, *small}, AveragePool{*small, *small}, GlobalAveragePool{}, Dense{*some_size()}},
      height,
      width};
  RC_ASSERT(network_from_json(to_json(network), "x") == network);
}

RC_GTEST_PROP(network_json, round_trips_exactly, ()) {
  Network network{*some_size(), *rc::gen::container<std::vector<Layer>>(any_layer())};
  if (*rc::gen::arbitrary<bool>()) network.layers.insert(network.layers.begin(), Standardise{});
  network.layers.push_back(Dense{*some_size()});
  RC_ASSERT(network_from_json(to_json(network), "x") == network);
}

TEST(network_json, missing_fields_take_their_defaults) {
  const Network read = network_from_json(
      R"({"layers": [{"layer": "dense", "outputs": 3}, {"layer": "batch_norm"},
                     {"layer": "activation"}, {"layer": "dropout"}], "inputs": 4})",
      "x");
  EXPECT_EQ(read, (Network{4, {Dense{3}, BatchNorm{}, Activation{}, Dropout{}}}));
}

TEST(network_json, whole_numbers_stand_for_real_ones) {
  const Network read = network_from_json(
      R"({"inputs": 4, "layers": [{"layer": "dense", "outputs": 3}, {"layer": "batch_norm", "keep": 1}]})",
      "x");
  EXPECT_EQ(std::get<BatchNorm>(read.layers[1]).keep, 1.0);
}

TEST(network_json, wrong_types_are_named_with_what_must_be) {
  EXPECT_EQ(complaint_about_layer(R"({"layer": "dense", "outputs": "many"})"),
            "net.json: layer 1: \"outputs\" is text; it must be a whole number from 1");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "dense", "outputs": -3})"),
            "net.json: layer 1: \"outputs\" is -3; it must be a whole number from 1");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "dense", "outputs": 2.5})"),
            "net.json: layer 1: \"outputs\" is 2.5; it must be a whole number from 1");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "dense", "outputs": 3, "bias": 1})"),
            "net.json: layer 1: \"bias\" is 1; it must be true or false");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "batch_norm", "epsilon": [1]})"),
            "net.json: layer 1: \"epsilon\" is a list; it must be at least 0");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "dropout", "probability": null})"),
            "net.json: layer 1: \"probability\" is null; it must be at least 0 and below 1");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "batch_norm", "running_variance": {}})"),
            "net.json: layer 1: \"running_variance\" is an object; it must be one of population, unbiased");
  EXPECT_EQ(complaint_about_layer(R"({"layer": 7})"),
            "net.json: layer 1: \"layer\" is 7; it must be one of " + kLayerNames);
}

TEST(network_json, numbers_out_of_range_are_refused) {
  EXPECT_EQ(complaint_about_layer(R"({"layer": "conv2d", "outputs": 2, "kernel": 0})"),
            "net.json: layer 1: \"kernel\" is 0; it must be a whole number from 1 to 4096");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "max_pool", "stride": 5000})"),
            "net.json: layer 1: \"stride\" is 5000; it must be a whole number from 1 to 4096");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "add", "back": 1})"),
            "net.json: layer 1: \"back\" is 1; it must be a whole number from 2");
  EXPECT_EQ(complaint(R"({"inputs": 4, "height": 0, "width": 4, "layers": []})"),
            "net.json: \"height\" is 0; it must be a whole number from 1");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "batch_norm", "epsilon": -1})"),
            "net.json: layer 1: \"epsilon\" is -1; it must be at least 0");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "dropout", "probability": 1})"),
            "net.json: layer 1: \"probability\" is 1; it must be at least 0 and below 1");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "batch_norm", "epsilon": 1e999})"),
            "net.json: a number is too large for a double");
}

TEST(network_json, unknown_names_are_told_the_nearest) {
  EXPECT_TRUE(starts_with(complaint_about_layer(R"({"layer": "densse", "outputs": 2})"),
                          "net.json: layer 1: unknown layer \"densse\"; did you mean dense"));
  EXPECT_EQ(complaint_about_layer(R"({"layer": "lstm"})"),
            "net.json: layer 1: unknown layer \"lstm\"; it must be one of " + kLayerNames);
  EXPECT_TRUE(starts_with(complaint_about_layer(R"({"layer": "dense", "output": 2})"),
                          "net.json: layer 1: unknown field \"output\"; did you mean outputs"));
  EXPECT_TRUE(starts_with(complaint_about_layer(R"({"layer": "activation", "kind": "rellu"})"),
                          "net.json: layer 1: unknown kind \"rellu\"; did you mean relu"));
  EXPECT_TRUE(starts_with(complaint(R"({"input": 4, "layers": []})"),
                          "net.json: unknown field \"input\"; did you mean inputs"));
}

TEST(network_json, missing_names_are_named) {
  EXPECT_EQ(complaint_about_layer(R"({"layer": "dense", "bias": false})"),
            "net.json: layer 1: \"outputs\" is missing; it must be a whole number from 1");
  EXPECT_EQ(complaint(R"({"layers": []})"),
            "net.json: \"inputs\" is missing; it must be a whole number from 1");
  EXPECT_EQ(complaint(R"({"inputs": 4})"), "net.json: \"layers\" is missing; it must be a list");
  EXPECT_EQ(complaint_about_layer(R"({"outputs": 2})"),
            "net.json: layer 1: \"layer\" is missing; it must be one of " + kLayerNames);
  for (const std::string layer : {"add", "shortcut"}) {
    EXPECT_EQ(complaint_about_layer("{\"layer\": \"" + layer + "\"}"),
              "net.json: layer 1: \"back\" is missing; it must be a whole number from 2");
  }
  EXPECT_EQ(complaint_about_layer(R"({"layer": "conv2d"})"),
            "net.json: layer 1: \"outputs\" is missing; it must be a whole number from 1");
  EXPECT_EQ(complaint(R"({"inputs": 4, "width": 2, "layers": []})"),
            "net.json: \"height\" is missing; it must be a whole number from 1");
  EXPECT_EQ(complaint(R"({"inputs": 4, "height": 2, "layers": []})"),
            "net.json: \"width\" is missing; it must be a whole number from 1");
}

TEST(network_json, a_complete_file_repeats_nothing) {
  EXPECT_EQ(complaint_about_layer(R"({"repeat": 2, "layers": [{"layer": "dropout"}]})"),
            "net.json: layer 1: \"layer\" is missing; it must be one of " + kLayerNames);
}

TEST(network_json, wrong_shapes_are_refused) {
  EXPECT_EQ(complaint("[]"),
            "net.json: the network is a list; it must be an object with \"inputs\" and \"layers\"");
  EXPECT_EQ(complaint(R"({"inputs": 4, "layers": {}})"),
            "net.json: \"layers\" is an object; it must be a list");
  EXPECT_EQ(
      complaint_about_layer("3"),
      "net.json: layer 1 is 3; it must be an object such as {\"layer\": \"activation\", \"kind\": \"relu\"}");
}

TEST(network_json, names_given_twice_are_refused) {
  EXPECT_EQ(complaint_about_layer(R"({"layer": "dense", "outputs": 2, "outputs": 3})"),
            "net.json: \"outputs\" is given twice in the same object; keep one");
}

TEST(network_json, what_validate_refuses_is_refused_with_the_file) {
  EXPECT_EQ(
      complaint(R"({"inputs": 4, "height": 3, "width": 1, "layers": [{"layer": "conv2d", "outputs": 2}]})"),
      "net.json: inputs is 4, height 3, width 1; inputs must be height · width · channels");
  EXPECT_EQ(complaint_about_layer(R"({"layer": "standardise"})"),
            "net.json: layer 1 (standardise): it works on inputs only; make it the first layer or the one "
            "after encode, or take it out");
}

TEST(network_json, syntax_errors_have_line_and_column) {
  EXPECT_TRUE(
      starts_with(complaint("{\"inputs\": 4,\n \"layers\": [}"), "net.json:2:13: this is not JSON: "));
  EXPECT_TRUE(starts_with(complaint(""), "net.json:1:1: this is not JSON: "));
  EXPECT_TRUE(starts_with(complaint("{\n"), "net.json:2:1: this is not JSON: "));
  EXPECT_TRUE(starts_with(complaint("inputs: 4"), "net.json:1:1: this is not JSON: "));
}

TEST(network_json, messages_are_one_printable_line) {
  for (const std::string text :
       {"{\"in\\nputs\": 4}", "{\"inputs\": \"\x01\x02\"}", "\xff\xfe", "{\"a\": \"\xff\"}",
        "{\"inputs\": 4, \"layers\": [{\"layer\": \"a\\u001bb\"}]}"}) {
    const std::string message = complaint(text);
    EXPECT_FALSE(message.empty());
    EXPECT_EQ(message.find("exception"), std::string::npos) << message;
    for (const char c : message) EXPECT_TRUE(c >= ' ' && c <= '~') << message;
  }
}

TEST(network_json, any_cut_of_a_good_file_is_refused) {
  const std::string_view text = kExampleText;
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_NE(complaint(text.substr(0, size)), "") << size;
}

}  // namespace
}  // namespace ztilde
