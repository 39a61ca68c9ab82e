// Which models are refused, on loading and on saving, and in which words.
#include "model/model_file_test_support.hpp"

namespace ztilde::model_file {
namespace {

TEST(ModelRefusal, what_is_no_model_is_told_so) {
  const std::string what_to_do = "; make one with 'ztilde train'";
  EXPECT_EQ(load_message(""), "m.zt: not a ztilde model (it is empty)" + what_to_do);
  EXPECT_EQ(load_message("a,b,label\n1,2,x\n"),
            "m.zt: not a ztilde model (it begins like a text file)" + what_to_do);
  EXPECT_EQ(load_message(std::string("\0\0\x08\x01\0\0\0\x02\1\1", 10)),
            "m.zt: not a ztilde model (it begins like an IDX file)" + what_to_do);
  EXPECT_EQ(load_message(std::string("\x7f"
                                     "ELF\0\0\0\0\0\0",
                                     10)),
            "m.zt: not a ztilde model (it does not begin like a safetensors file)" + what_to_do);
}

TEST(ModelRefusal, a_safetensors_file_of_another_program_is_told_to_be_one) {
  const std::string weights(8, '\0');
  const safetensors::Tensor tensor{"fc.weight", safetensors::Dtype::f32, {2, 1}, weights};
  expect_refused(safetensors::write({{{"format", "pt"}}, {tensor}}),
                 "a safetensors file without ztilde's metadata; ");
  expect_refused(safetensors::write({{}, {tensor}}), "a safetensors file without ztilde's metadata; ");
}

TEST(ModelRefusal, a_newer_version_asks_for_an_update) {
  const std::string update =
      "m.zt: written by a newer ztilde (format 2, this program reads 1); update ztilde";
  EXPECT_EQ(load_message(with_metadata("format_version", "2")), update);
  // It may carry another kind of checksum.
  const std::string otherwise =
      changed([](safetensors::File& file) { file.metadata["format_version"] = "2"; });
  safetensors::File file = safetensors::read(otherwise, "m.zt");
  file.metadata["checksum"] = "sha256:123";
  EXPECT_EQ(load_message(safetensors::write(file)), update);
  file.metadata["format_version"] = "1";
  expect_refused(safetensors::write(file), "metadata 'checksum' is missing or of an unknown kind");
  for (const char* text : {"", "0", "-1", "1.0", "one", "99999999999"}) {
    expect_refused(with_metadata("format_version", text),
                   fmt::format("'format_version' is '{}', not a version", text));
  }
}

TEST(ModelRefusal, every_key_of_the_metadata_is_needed) {
  for (const auto& [key, value] : to_metadata(small_model())) {
    if (key == "conventions" || key == "program" || key == "format") continue;
    expect_refused(changed([&](safetensors::File& file) { file.metadata.erase(key); }),
                   fmt::format("metadata '{}' is missing; ", key));
  }
}

TEST(ModelRefusal, metadata_that_hold_something_else_are_refused_by_name) {
  const std::pair<const char*, const char*> wrong[] = {
      {"task", "cluster"},
      {"statistics", "batch"},
      {"columns", "{"},
      {"columns", "4"},
      {"columns", "-3"},
      {"columns", "[]"},
      {"columns", "[1,2,3]"},
      {"columns", "\"a\""},
      {"columns", "[{\"hex\":\"0g\"},\"b\",\"c\"]"},
      {"columns", "[{\"hex\":\"000\"},\"b\",\"c\"]"},
      {"image", "3"},
      {"image", R"({"height":1,"width":1})"},
      {"image", R"({"height":1,"width":0,"channels":3,"resized":true})"},
      {"image", R"({"height":2,"width":1,"channels":3,"resized":true})"},
      {"image", R"({"height":1,"width":1,"channels":3,"resized":1})"},
      {"image", R"({"height":18446744073709551615,"width":3,"channels":1,"resized":false})"},
      {"target", "1"},
      {"classes", "{}"},
      {"classes", "null"},
      {"training", "[]"},
      {"training", "{}"},
      {"training", "{\"rows\":-1}"},
      {"training", "{\"rows\":1e300}"},
      {"test_rows", "[]"},
      {"test_rows", "{\"inputs\":[1]}"},
      {"test_rows", "{\"inputs\":\"0000\",\"outputs\":\"\"}"},
      {"test_rows", "{\"inputs\":\"\"}"}};
  for (const auto& [key, value] : wrong)
    expect_refused(with_metadata(key, value), fmt::format("metadata '{}' ", key));
}

TEST(ModelRefusal, a_network_that_cannot_work_is_refused) {
  expect_refused(with_metadata("network", "{"), "m.zt: metadata 'network':1:2: this is not JSON");
  expect_refused(with_metadata("network", R"({"inputs":3,"layers":[{"layer":"dense","outputs":0}]})"),
                 "m.zt: metadata 'network': layer 0");
}

TEST(ModelRefusal, a_network_larger_than_the_file_is_refused_before_memory_is_asked_for) {
  const std::string huge = R"({"inputs":3,"layers":[{"layer":"dense","outputs":90000000000000}]})";
  expect_refused(with_metadata("network", huge), "m.zt: ");
}

TEST(ModelRefusal, tensors_that_are_missing_unexpected_or_of_another_shape_are_refused_by_name) {
  using safetensors::Dtype;
  expect_refused(changed([](auto& file) { named(file, "2.bias").name = "2.extra"; }),
                 "tensor '2.bias' is missing; ");
  const std::string four(4, '\0');
  expect_refused(changed([&](auto& file) {
                   file.tensors.push_back({"9.weight", Dtype::f32, {1}, four});
                 }),
                 "tensor '9.weight' belongs to no layer of the network; ");
  expect_refused(changed([](auto& file) {
                   named(file, "1.weight").shape = {3, 2};
                 }),
                 "tensor '1.weight' is F32 [3, 2], the network asks for F32 [2, 3]; ");
  expect_refused(changed([](auto& file) { named(file, "2.num_batches_tracked").shape = {1}; }),
                 "tensor '2.num_batches_tracked' is I64 [1], the network asks for I64 []; ");
  expect_refused(changed([](auto& file) { named(file, "2.running_var").dtype = Dtype::i64; }),
                 "tensor '2.running_var' is I64 [2], the network asks for F64 [2]; ");
}

TEST(ModelRefusal, numbers_that_cannot_be_used_are_refused_by_layer_and_channel) {
  expect_refused(
      with_bytes("2.running_var", bytes_of(0.5, -1.0)),
      "layer 2 (batch_norm): the variance of channel 1 is -1, it must be finite and not negative; ");
  expect_refused(with_bytes("2.running_var", bytes_of(double{kNaN}, 1.0)),
                 "the variance of channel 0 is nan, ");
  expect_refused(with_bytes("2.running_mean", bytes_of(0.5, HUGE_VAL)),
                 "layer 2 (batch_norm): the mean of channel 1 is inf, ");
  expect_refused(with_bytes("0.running_var", bytes_of(1.0, 1.0, 0.0)),
                 "layer 0 (standardise): the variance of channel 2 is 0, it must be finite and above 0 (1 "
                 "for a constant column); ");
  expect_refused(with_bytes("5.bias", bytes_of(0.0f, 0.0f, kNaN)),
                 "layer 5 (dense): bias is nan in channel 2, ");
  expect_refused(with_bytes("5.weight", bytes_of(0.0f, 0.0f, 0.0f, -HUGE_VALF, 0.0f, 0.0f)),
                 "layer 5 (dense): weight is -inf in channel 1, ");
  expect_refused(with_bytes("2.num_batches_tracked", bytes_of(std::int64_t{-1})),
                 "layer 2 (batch_norm): its count of batches");
}

TEST(ModelRefusal, fixed_numbers_of_columns_that_cannot_be_used_are_refused_by_name) {
  Model model;
  const EncodedColumn mapped{Encoding::numeric, 0, 0, MissingValue::mean, 3};
  const EncodedColumn table{Encoding::embedding, 1, 2, MissingValue::none, 0};
  model.network = {2, {Encode{{mapped, table}}, Dense{1}}};
  model.task = Task::regress;
  model.parameters.assign(parameter_arena_size(model.network), 0.5f);
  model.statistics = {0, /**/ 1, 2, 2, /**/ -1, 0.5, 0.5, /**/ 1, 0};
  EXPECT_NO_THROW((void)from_bytes(to_bytes(model, "m.zt"), "m.zt"));
  const auto complaint = [&](std::size_t at, double number) {
    Model broken = model;
    broken.statistics[at] = number;
    return message_of([&] { (void)to_bytes(broken, "m.zt"); });
  };
  const std::string cannot = "m.zt: this model cannot be saved: layer 0 (encode): ";
  EXPECT_TRUE(complaint(0, kNaN).starts_with(cannot + "fill 0 of column 0 is nan, it must be finite; "));
  EXPECT_TRUE(complaint(2, 0.5).starts_with(
      cannot + "knots 1 of column 0 is 0.5, it must be finite and not below the one before; "));
  EXPECT_TRUE(
      complaint(4, HUGE_VAL).starts_with(cannot + "values 0 of column 0 is inf, it must be finite; "));
  EXPECT_TRUE(
      complaint(7, 1.5).starts_with(cannot + "frequency 0 of column 1 is 1.5, it must be from 0 to 1; "));
}

TEST(ModelRefusal, names_and_classes_that_do_not_fit_are_refused) {
  expect_refused(with_metadata("columns", R"(["a","b"])"),
                 "there are 2 column names, the network asks for 3; ");
  expect_refused(with_metadata("classes", R"(["a","b"])"),
                 "there are 2 class names, which ask for 1 output; the network has 3; ");
  expect_refused(with_metadata("classes", "[]"), "a classifier has no classes; ");
  expect_refused(with_metadata("classes", "[\"a\"]"), "a classifier has 1 class, and needs 2; ");
  expect_refused(with_metadata("task", "regress"), "a regression has 3 classes; ");
  expect_refused(with_metadata("test_rows", R"({"inputs":"00000000","outputs":""})"),
                 "there are 1 test inputs");
  expect_refused(with_metadata("test_rows", R"({"inputs":"","outputs":"00000000"})"),
                 "there are 1 test outputs");
}

TEST(ModelRefusal, outputs_that_come_out_otherwise_are_refused_and_the_largest_difference_is_told) {
  Model model = small_model();
  model.test_outputs[4] += 50.0f;
  model.test_outputs[1] -= 0.25f;
  expect_refused(
      to_bytes(model, "m.zt"),
      "the model gives other outputs than when it was written, furthest off in test row 1, output 1: ");
  model.test_outputs[4] = kNaN;
  expect_refused(to_bytes(model, "m.zt"), "in test row 1, output 1: ");
  model = small_model();
  for (float& output : model.test_outputs) output += 5e-5f;
  EXPECT_NO_THROW((void)from_bytes(to_bytes(model, "m.zt"), "m.zt"));
}

TEST(ModelRefusal, a_model_that_load_would_refuse_is_not_saved) {
  expect_not_saved([](Model& m) { m.parameters.pop_back(); }, "parameters, the network asks for");
  expect_not_saved([](Model& m) { m.statistics.push_back(1); },
                   "there are 11 statistics, the network asks for 10");
  expect_not_saved([](Model& m) { m.statistic_batches.clear(); }, "there are 0 counts of batches");
  expect_not_saved([](Model& m) { m.column_names.pop_back(); }, "there are 2 column names");
  expect_not_saved([](Model& m) { m.classes.pop_back(); }, "class names");
  expect_not_saved([](Model& m) { m.parameters[2] = kNaN; }, "layer 1 (dense): weight is nan");
  expect_not_saved([](Model& m) { m.statistics[9] = -1; },
                   "layer 2 (batch_norm): the variance of channel 1 is -1");
  expect_not_saved([](Model& m) { m.test_inputs.pop_back(); }, "test inputs");
  expect_not_saved([](Model& m) { m.network.layers.clear(); }, "");
}

}  // namespace
}  // namespace ztilde::model_file
