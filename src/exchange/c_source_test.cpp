// C sources against Predictor: every layer, every way they can be put together.
#include <dlfcn.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "exchange/c_test_support.hpp"
#include "model/model_test_models.hpp"
#include "ztilde/export_c.hpp"

namespace ztilde {
namespace {

using testing::HasSubstr;

constexpr std::size_t kRows = 5;

Model model_of(const Network& network) { return testing_models::model_of(network, kRows); }

// 1 + the largest of some numbers.
double scale_of(std::span<const float> values) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(double{value}));
  return 1 + largest;
}

class Library {
 public:
  explicit Library(const std::string& path) : handle_(::dlopen(path.c_str(), RTLD_NOW)) {
    EXPECT_NE(handle_, nullptr) << ::dlerror();
  }
  ~Library() {
    if (handle_) ::dlclose(handle_);
  }
  template <class Function>
  Function* find(const std::string& name) const {
    auto* const found = reinterpret_cast<Function*>(::dlsym(handle_, name.c_str()));
    EXPECT_NE(found, nullptr) << name;
    return found;
  }

 private:
  void* handle_;
};

// All of them as one library all.so; model i is ni. scratch: the floats that each asks for.
Said compile_all(const TemporaryFolder& folder, const std::vector<Model>& models, const std::string& flags,
                 std::vector<std::size_t>& scratch) {
  std::string all;
  for (std::size_t i = 0; i < models.size(); ++i) {
    const std::string name = fmt::format("n{}", i);
    const CSource source = c_source(models[i], {name, name + ".h"});
    folder.write(name + ".h", source.header);
    all += source.source;
    scratch.push_back(source.scratch);
  }
  folder.write("all.c", all);
  return compile_c(folder, flags + " -shared -fPIC all.c -o all.so -lm");
}

TEST(CSource, gives_the_outputs_of_the_predictor_for_every_kind_of_network) {
  const TemporaryFolder folder;
  const std::vector<testing_networks::Case> cases = testing_networks::with_images();
  std::vector<Model> models;
  std::vector<std::size_t> scratch;
  for (const testing_networks::Case& each : cases) models.push_back(model_of(each.network));
  const Said compiled = compile_all(folder, models, "-O1", scratch);
  ASSERT_EQ(compiled.exit_code, 0) << compiled.text;

  const Library library(folder / "all.so");
  double worst = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    auto* const run = library.find<void(const float*, float*, float*)>(fmt::format("n{}_outputs", i));
    const Model& model = models[i];
    const std::size_t width = layer_outputs(model.network).back();
    // What lies behind the scratch memory must stay as it is, and what was in it must not matter.
    std::vector<float> memory(scratch[i] + 1, std::nanf("")), found(width + 1, 77.0f);
    memory.back() = 77.0f;
    for (std::size_t r = 0; r < kRows; ++r) {
      run(model.test_inputs.data() + r * model.network.inputs, found.data(), memory.data());
      const std::span<const float> expected = std::span(model.test_outputs).subspan(r * width, width);
      for (std::size_t o = 0; o < width; ++o) {
        const double share = std::abs(double{found[o]} - double{expected[o]}) / scale_of(expected);
        ASSERT_LE(share, 1e-5) << cases[i].name << ", row " << r << ", output " << o;
        worst = std::max(worst, share);
      }
    }
    EXPECT_EQ(memory.back(), 77.0f) << cases[i].name;
    EXPECT_EQ(found.back(), 77.0f) << cases[i].name;
  }
  RecordProperty("worst", fmt::format("{:.2g}", worst));
}

TEST(CSource, answers_with_probabilities_and_the_likeliest_class_as_predict_does) {
  const TemporaryFolder folder;
  std::vector<Model> models;
  // One logit, two of them, five.
  for (const std::size_t width : {1, 2, 5}) models.push_back(model_of(dense_network({4, width, {}, {6}})));
  std::vector<std::size_t> scratch;
  const Said compiled = compile_all(folder, models, "", scratch);
  ASSERT_EQ(compiled.exit_code, 0) << compiled.text;
  const Library library(folder / "all.so");
  for (std::size_t i = 0; i < models.size(); ++i) {
    Dataset data;
    data.rows = kRows;
    data.columns = 4;
    data.floats = models[i].test_inputs;
    const Predictions expected = predict(models[i], data, 1);
    const std::size_t classes = models[i].classes.size();
    auto* const run = library.find<int(const float*, float*, float*)>(fmt::format("n{}_predict", i));
    std::vector<float> memory(scratch[i] + 1, 77.0f), probabilities(classes);
    for (std::size_t r = 0; r < kRows; ++r) {
      const float* row = data.floats.data() + r * 4;
      EXPECT_EQ(run(row, probabilities.data(), memory.data()), expected.values[r]);
      EXPECT_EQ(run(row, nullptr, memory.data()), expected.values[r]);
      for (std::size_t c = 0; c < classes; ++c)
        EXPECT_NEAR(probabilities[c], expected.probabilities[r * classes + c], 1e-6);
    }
    EXPECT_EQ(memory.back(), 77.0f);
  }
}

TEST(CSource, is_the_same_text_for_the_same_model_and_has_no_long_lines) {
  for (const testing_networks::Case& each : testing_networks::with_images()) {
    const Model model = model_of(each.network);
    const CSource one = c_source(model), two = c_source(model);
    EXPECT_EQ(one.source, two.source);
    EXPECT_EQ(one.header, two.header);
    std::size_t longest = 0;
    for (std::size_t begin = 0; begin < one.source.size();) {
      const std::size_t end = one.source.find('\n', begin);
      longest = std::max(longest, end - begin);
      begin = end + 1;
    }
    EXPECT_LE(longest, 120u) << each.name;
  }
}

TEST(CSource, keeps_values_in_as_little_memory_as_their_lives_allow) {
  const auto scratch = [](const Network& network) { return c_source(model_of(network)).scratch; };
  // The row standardised and the first layer's z; the second's z takes the row's place; then 10 answers.
  EXPECT_EQ(scratch(dense_network({784, 10, {}, {256, 256}})), 784u + 256 + 10);
  // Nothing but the answers where the one layer reads the row and writes the outputs.
  EXPECT_EQ(scratch({7, {Dense{3}}}), 3u);
  // A shortcut keeps a third alive.
  const Network residual{
      64, {Dense{64}, Activation{}, Dense{64}, Activation{}, Dense{64}, Add{3}, Dense{64}, Dense{2}}};
  EXPECT_EQ(scratch(residual), 3u * 64 + 2);
}

TEST(CSource, has_a_mean_far_from_0_taken_away_before_anything_is_rounded) {
  // A column of timestamps, standardised, and one that batch norm alone normalises.
  for (const Layer& layer : {Layer(Standardise{}), Layer(BatchNorm{})}) {
    Model model = model_of({1, {layer, Dense{2}}});
    model.statistics = {1.7e9, 1e6};
    model.test_inputs = {1.7e9f, 1.7e9f + 128, 1.7e9f + 1280, 1.7e9f - 2560, 1.7e9f};
    model.test_outputs = outputs(model, model.test_inputs, 1);
    const TemporaryFolder folder;
    const CSource source = c_source(model);
    folder.write("model.h", source.header);
    folder.write("model.c", source.source);
    const Said said = compile_c(folder, "-DMODEL_SELF_TEST model.c -o test -lm && ./test");
    EXPECT_EQ(said.exit_code, 0) << said.text;
    EXPECT_THAT(said.text, HasSubstr("passed"));
  }
}

std::string complaint_of(const Model& model, const CSourceOptions& options = {}) {
  try {
    (void)c_source(model, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "accepted";
}

TEST(CSource, refuses_what_no_sound_model_has_or_C_cannot_hold) {
  const Network network = dense_network({2, 2, {}, {3}});
  Model model = model_of(network);
  EXPECT_EQ(complaint_of(model), "accepted");
  model.parameters[0] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(complaint_of(model), HasSubstr("weight is inf in channel 0, it must be finite"));

  model = model_of(network);
  for (const StatisticSlot& slot : statistic_slots(network)) {
    if (slot.layer == 2) model.statistics[slot.offset] = 1e300;
  }
  EXPECT_THAT(complaint_of(model),
              HasSubstr("layer 2 (batch_norm): the scale or the shift of channel 0 would be"));

  model = model_of(network);
  model.classes[1] = std::string("a\0b", 3);
  EXPECT_THAT(complaint_of(model), HasSubstr("has a zero byte"));
  model.classes[1] = std::string(4096, 'x');
  EXPECT_THAT(complaint_of(model), HasSubstr("has 4,096 bytes, and C's strings at most 4,095"));

  model = model_of(network);
  for (const std::string name : {"", "2d", "_x", "a-b", "Ä"})
    EXPECT_THAT(complaint_of(model, {name, "m.h"}), HasSubstr("is no name for C")) << name;
  for (const std::string name : {"int", "class", "restrict", "main"})
    EXPECT_THAT(complaint_of(model, {name, "m.h"}), HasSubstr("is a word of C or C++")) << name;
  EXPECT_THAT(complaint_of(model, {std::string(64, 'a'), "m.h"}), HasSubstr("use at most 63"));
  for (const std::string header : {"", "a\"b.h", "a\nb.h", "a\\b.h"})
    EXPECT_THAT(complaint_of(model, {"m", header}), HasSubstr("cannot be included by that name")) << header;
}

TEST(CSource, has_a_name_of_its_file) {
  const std::pair<const char*, const char*> cases[] = {
      {"model.c", "model"},     {"some/where/My-net.v2.c", "My_net_v2"},
      {"2cnn.c", "model_2cnn"}, {"int.c", "model_int"},
      {"__x.c", "x"},           {"\xC3\xA4.c", "model"},
      {"-.c", "model"},         {"a b.c", "a_b"}};
  for (const auto& [path, name] : cases) EXPECT_EQ(c_name_for(path), name) << path;
}

}  // namespace
}  // namespace ztilde
