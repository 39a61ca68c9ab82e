// What is refused, each by its node, operator and opset; and external data, which may lie in the model's
// folder only.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <limits>

#include "base/test_support.hpp"
#include "onnx/import_test_support.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_import {
namespace {

using Change = std::function<void(ModelMaker&)>;

std::string refusal_of(ModelMaker maker, const Change& change) {
  change(maker);
  try {
    maker.import();
  } catch (const Error& error) {
    return error.what();
  }
  return "taken";
}

::onnx::NodeProto& node_of(ModelMaker& maker, const std::string& type) {
  for (auto& node : *maker.proto.mutable_graph()->mutable_node()) {
    if (node.op_type() == type) return node;
  }
  throw std::runtime_error(type);
}

void set_number(ModelMaker& maker, const std::string& name, float number) {
  for (auto& tensor : *maker.proto.mutable_graph()->mutable_initializer()) {
    if (tensor.name() == name)
      tensor.mutable_raw_data()->replace(0, sizeof number, reinterpret_cast<const char*>(&number),
                                         sizeof number);
  }
}

TEST(OnnxRefusal, names_node_operator_and_opset_and_says_what_is_wrong) {
  const std::pair<Change, std::string> cases[] = {
      {[](ModelMaker& m) { set(node_of(m, "BatchNormalization"), "epsilon", -1.0f); },
       "m.onnx: node 'BatchNormalization_n1' (BatchNormalization, opset 13): epsilon is -1; it must be a "
       "finite number from 0"},
      {[](ModelMaker& m) {
         set(node_of(m, "BatchNormalization"), "epsilon", std::numeric_limits<float>::quiet_NaN());
       },
       "m.onnx: node 'BatchNormalization_n1' (BatchNormalization, opset 13): epsilon is nan; it must be a "
       "finite number from 0"},
      {[](ModelMaker& m) { set(node_of(m, "BatchNormalization"), "momentum", 1.5f); },
       "m.onnx: node 'BatchNormalization_n1' (BatchNormalization, opset 13): momentum is 1.5; it must be "
       "from 0 to 1"},
      {[](ModelMaker& m) { node_of(m, "BatchNormalization").add_output("batch_mean"); },
       "m.onnx: node 'BatchNormalization_n1' (BatchNormalization, opset 13): it is in training mode, where a "
       "row's outputs depend "
       "on the other rows; export the model in evaluation mode"},
      {[](ModelMaker& m) { set_number(m, "n1_3", -0.5f); },
       "m.onnx: node 'BatchNormalization_n1' (BatchNormalization, opset 13): the variance of channel 0 is "
       "-0.5, it must not be "
       "negative"},
      {[](ModelMaker& m) { set_number(m, "w2", std::numeric_limits<float>::infinity()); },
       "m.onnx: node 'Conv_z2' (Conv, opset 13): its weight 'w2' has inf at place 0, it must be a finite "
       "float"},
      {[](ModelMaker& m) {
         set(node_of(m, "Conv"), "strides", std::vector<std::int64_t>{1, 2});
       },
       "m.onnx: node 'Conv_z1' (Conv, opset 13): its strides are 1 and 2; ztilde's conv2d has one for both"},
      {[](ModelMaker& m) {
         set(node_of(m, "Conv"), "strides", std::vector<std::int64_t>{0, 0});
       },
       "m.onnx: node 'Conv_z1' (Conv, opset 13): strides is [0, 0]; it must be 2 whole numbers from 1 to "
       "4096"},
      {[](ModelMaker& m) { set(node_of(m, "Conv"), "group", std::int64_t{3}); },
       "m.onnx: node 'Conv_z1' (Conv, opset 13): group is 3, and 2 channels enter and 4 leave it; the file "
       "is damaged"},
      {[](ModelMaker& m) { node_of(m, "Relu").set_op_type("Selu"); },
       "m.onnx: node 'Relu_a1' (Selu, opset 13): ztilde has no layer for this operator"},
      {[](ModelMaker& m) { node_of(m, "Relu").set_domain("other"); },
       "m.onnx: node 'Relu_a1' (other.Relu, opset 1): ztilde has no layer"},
      {[](ModelMaker& m) { node_of(m, "Conv").set_input(0, "y"); },
       "m.onnx: node 'MatMul_y' (MatMul, opset 13): it needs its own output; ztilde has no loops"},
      {[](ModelMaker& m) { node_of(m, "Conv").set_input(1, "gone"); },
       "m.onnx: node 'Conv_z1' (Conv, opset 13): nothing makes 'gone', which it reads"},
      {[](ModelMaker& m) { node_of(m, "Flatten").set_output(0, "a1"); },
       "m.onnx: node 'Flatten_flat' (Flatten, opset 13): its output 'a1' is made by node 'Relu_a1'"},
      {[](ModelMaker& m) { m.proto.mutable_graph()->mutable_initializer(0)->set_dims(0, -4); },
       "m.onnx: tensor 'w1': its dimensions [-4, 2, 3, 3] are negative or too many"},
      {[](ModelMaker& m) { m.proto.mutable_graph()->mutable_initializer(0)->mutable_raw_data()->resize(10); },
       "m.onnx: tensor 'w1': it has 10 bytes, its dimensions [4, 2, 3, 3] ask for 288; the file is damaged"},
      {[](ModelMaker& m) {
         m.proto.mutable_graph()->mutable_initializer(0)->set_data_type(::onnx::TensorProto::STRING);
       },
       "m.onnx: tensor 'w1': its numbers are of the type string; use float"},
      {[](ModelMaker& m) { m.output("a1"); },
       "m.onnx: its graph has 2 outputs, y (MatMul), a1 (Relu); choose one with --output"},
      {[](ModelMaker& m) {
         m.proto.mutable_graph()
             ->mutable_input(0)
             ->mutable_type()
             ->mutable_tensor_type()
             ->mutable_shape()
             ->mutable_dim(2)
             ->set_dim_param("h");
       },
       "m.onnx: its input 'x' leaves the size of a row open; say what it is with --input-shape, such as "
       "3,32,32"},
  };
  for (const auto& [change, expected] : cases) {
    const std::string message = refusal_of(image_model(), change);
    EXPECT_TRUE(message.starts_with(expected)) << message << "\nis not\n" << expected;
  }
}

TEST(OnnxRefusal, numbers_beyond_the_limits_are_refused_before_they_are_made) {
  OnnxImportOptions options;
  options.most_numbers = 1000;
  const auto what = [&](const ModelMaker& maker) -> std::string {
    try {
      maker.import(options);
    } catch (const Error& error) {
      return error.what();
    }
    return "taken";
  };
  EXPECT_NE(what(image_model()).find("ztilde takes 1,000 from a file"), std::string::npos)
      << what(image_model());
  ModelMaker wide({0, std::int64_t{1} << 50});
  wide.node("Relu", {"x"}, "y");
  wide.output("y");
  EXPECT_NE(what(wide).find("a row of its input 'x' has too many numbers"), std::string::npos) << what(wide);
  options = {};
  options.most_products = 100;
  EXPECT_NE(what(image_model()).find("multiplications"), std::string::npos) << what(image_model());
}

// A dense layer of 2 inputs and 2 outputs whose weight lies in another file.
ModelMaker with_external(const std::string& location, const std::string& offset, const std::string& length) {
  ModelMaker maker({0, 2});
  maker.node("MatMul", {"x", "w"}, "y");
  maker.output("y");
  auto& tensor = *maker.proto.mutable_graph()->add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(::onnx::TensorProto::FLOAT);
  tensor.add_dims(2);
  tensor.add_dims(2);
  tensor.set_data_location(::onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] :
       {std::pair<std::string, std::string>{"location", location}, {"offset", offset}, {"length", length}}) {
    if (value.empty()) continue;
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  return maker;
}

TEST(OnnxExternalData, is_read_from_the_models_folder_and_refused_from_anywhere_else) {
  const TemporaryFolder outer;
  std::filesystem::create_directories(outer / "model/below");
  const float numbers[] = {9, 1, 2, 3, 4};
  const std::string bytes(reinterpret_cast<const char*>(numbers), sizeof numbers);
  for (const char* name : {"model/data", "model/below/data", "outside"}) outer.write(name, bytes);
  ASSERT_EQ(::symlink("../outside", (outer / "model/link").c_str()), 0);
  ASSERT_EQ(::symlink("data", (outer / "model/inner").c_str()), 0);
  ASSERT_EQ(::mkfifo((outer / "model/pipe").c_str(), 0600), 0);
  const auto imported = [&](const std::string& location, const std::string& offset = "4",
                            const std::string& length = "16") {
    outer.write("model/m.onnx", with_external(location, offset, length).bytes());
    return failure(outer, [&] {
      const OnnxImport import = import_onnx(outer / "model/m.onnx");
      EXPECT_EQ(outputs(import.model, {1, 0}, 1), (std::vector<float>{1, 2}));
    });
  };
  EXPECT_EQ(imported("data"), "no error");
  EXPECT_EQ(imported("below/data"), "no error");
  EXPECT_EQ(imported("inner"), "no error");
  EXPECT_EQ(imported("data", "4", ""), "no error");
  const std::string start = "data: model/m.onnx: tensor 'w': its external data ";
  EXPECT_EQ(imported("../outside"),
            start + "are in '../outside', outside of the model's folder; put them beside the model");
  EXPECT_EQ(imported("below/../data"),
            start + "are in 'below/../data', outside of the model's folder; put them beside the model");
  EXPECT_EQ(imported("/etc/passwd"),
            start + "are in '/etc/passwd', outside of the model's folder; put them beside the model");
  EXPECT_EQ(imported("link"),
            start + "'link' are a link out of the model's folder; put the file itself there");
  EXPECT_EQ(imported("pipe"), start + "'pipe' are not a plain file");
  EXPECT_EQ(imported("data", "8"),
            start + "are 16 bytes from byte 8 of 'data', which has 20; the file is damaged");
  EXPECT_EQ(
      imported("data", "18446744073709551600"),
      start + "are 16 bytes from byte 18446744073709551600 of 'data', which has 20; the file is damaged");
  EXPECT_EQ(imported("data", "4", "12"),
            start + "are 12 bytes, its dimensions ask for 16; the file is damaged");
  EXPECT_EQ(
      imported("data", "-1"),
      "data: model/m.onnx: tensor 'w': the offset of its external data is '-1', it must be a whole number");
  EXPECT_TRUE(
      imported("gone").starts_with("io: model/m.onnx: tensor 'w': its external data 'gone' cannot be read ("))
      << imported("gone");
  EXPECT_NE(imported("below").find("not a plain file"), std::string::npos);
}

}  // namespace
}  // namespace ztilde::onnx_import
