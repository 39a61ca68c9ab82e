// What the tests of the model file share: a small model with awkward numbers and names, and its
// file after a change that the checksum vouches for.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "model/model_file.hpp"
#include "model/model_metadata.hpp"
#include "model/safetensors.hpp"
#include "ztilde/error.hpp"

namespace ztilde::model_file {

inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Numbers of both signs without a pattern that a wrong offset could hide in.
inline float some_number(std::size_t i) {
  return static_cast<float>(std::sin(1.0 + 7.3 * static_cast<double>(i)));
}

inline Model small_model() {
  Model model;
  model.network = {3,
                   {Standardise{}, Dense{2, false}, BatchNorm{1e-3, 0.9, VarianceKind::unbiased},
                    Activation{ActivationKind::gelu}, Dropout{0.25}, Dense{3, true}}};
  model.parameters.assign(parameter_arena_size(model.network), 0.0f);
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    for (std::size_t i = 0; i < slot.size(); ++i) {
      model.parameters[slot.offset + i] = some_number(slot.offset + i);
    }
  }
  model.parameters[0] = -0.0f;
  model.parameters[1] = std::numeric_limits<float>::denorm_min();
  // A column of timestamps: a float could not hold this mean. A constant one: variance 1.
  model.statistics = {1.7e9 + 0.123456789, -2.5, 7, 3.3e14, 1e-30, 1, 5e-324, -0.0, 0.75, 0};
  model.statistic_batches = {1, 40};
  model.column_names = {"time", "caf\xC3\xA9 \"x\"\n", "latin \xE9"};
  model.target_name = "kind";
  model.classes = {"a", "", "c\x01"};
  model.training = {100,
                    20,
                    400,
                    std::numeric_limits<std::uint64_t>::max(),
                    0.1,
                    1.0 / 3,
                    {{"epochs", "20"}, {"data", "\xFF.csv"}}};
  model.test_inputs = {1.7e9f, -2.5f, 7, 1.70001e9f, -2.5f, 8};
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

template <class T>
inline bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

inline void expect_same(const Model& a, const Model& b) {
  EXPECT_EQ(a.network, b.network);
  EXPECT_TRUE(same_bits(a.parameters, b.parameters));
  EXPECT_TRUE(same_bits(a.statistics, b.statistics));
  EXPECT_EQ(a.statistic_batches, b.statistic_batches);
  EXPECT_EQ(a.statistics_source, b.statistics_source);
  EXPECT_EQ(a.task, b.task);
  EXPECT_EQ(a.column_names, b.column_names);
  EXPECT_EQ(a.target_name, b.target_name);
  EXPECT_EQ(a.image_width, b.image_width);
  EXPECT_EQ(a.image_height, b.image_height);
  EXPECT_EQ(a.images_resized, b.images_resized);
  EXPECT_EQ(a.classes, b.classes);
  EXPECT_EQ(a.training, b.training);
  EXPECT_TRUE(same_bits(a.test_inputs, b.test_inputs));
  EXPECT_TRUE(same_bits(a.test_outputs, b.test_outputs));
}

inline std::string message_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_TRUE(text.starts_with("m.zt: ")) << text;
    EXPECT_NE(text.find("; "), std::string::npos) << text;
    return text;
  }
  return "accepted";
}

inline std::string load_message(const std::string& content) {
  return message_of([&] { (void)from_bytes(content, "m.zt"); });
}

inline void expect_refused(const std::string& content, const std::string& why) {
  const std::string message = load_message(content);
  EXPECT_NE(message.find(why), std::string::npos) << message;
}

// The checksum as docs/model-file.md tells others to compute it.
inline std::string with_checksum(std::string content) {
  const std::string key = "\"checksum\":\"crc32:";
  const std::size_t digits = content.find(key) + key.size();
  content.replace(digits, 8, "00000000");
  const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
  return content.replace(digits, 8, fmt::format("{:08x}", sum));
}

// The small model's file after a change that the checksum vouches for.
inline std::string changed(const std::function<void(safetensors::File&)>& change) {
  const std::string content = to_bytes(small_model(), "m.zt");
  safetensors::File file = safetensors::read(content, "m.zt");
  change(file);
  return with_checksum(safetensors::write(file));
}

inline std::string with_metadata(const std::string& key, const std::string& value) {
  return changed([&](safetensors::File& file) { file.metadata[key] = value; });
}

inline safetensors::Tensor& named(safetensors::File& file, const std::string& name) {
  for (safetensors::Tensor& tensor : file.tensors) {
    if (tensor.name == name) return tensor;
  }
  throw std::runtime_error("no tensor " + name);
}

inline std::string with_bytes(const std::string& name, const std::string& bytes) {
  return changed([&](safetensors::File& file) { named(file, name).bytes = bytes; });
}

template <class... Numbers>
inline std::string bytes_of(Numbers... numbers) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char*>(&numbers), sizeof numbers), ...);
  return bytes;
}

inline std::string save_message(const std::function<void(Model&)>& change) {
  Model model = small_model();
  change(model);
  return message_of([&] { (void)to_bytes(model, "m.zt"); });
}

inline void expect_not_saved(const std::function<void(Model&)>& change, const std::string& why) {
  const std::string message = save_message(change);
  EXPECT_NE(message.find("this model cannot be saved: "), std::string::npos) << message;
  EXPECT_NE(message.find(why), std::string::npos) << message;
}

}  // namespace ztilde::model_file
