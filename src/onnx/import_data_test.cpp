// The cases of Debian's libonnx-testdata that have to do with ztilde's layers: each passes, or is refused by
// name.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "onnx/onnx_pb.h"
#include "ztilde/error.hpp"
#include "ztilde/onnx_import.hpp"

namespace ztilde {
namespace {

namespace fs = std::filesystem;
const fs::path kData = "/usr/share/libonnx-testdata/data";

std::vector<fs::path> cases() {
  const std::pair<const char*, std::vector<const char*>> wanted[] = {
      {"node", {"test_batchnorm", "test_gemm", "test_conv"}},
      {"pytorch-converted", {"test_BatchNorm", "test_Conv", "test_Linear"}},
      {"pytorch-operator", {"test_"}},
      {"simple", {"test_"}}};
  std::vector<fs::path> all;
  for (const auto& [folder, starts] : wanted) {
    for (const auto& entry : fs::directory_iterator(kData / folder)) {
      const std::string name = entry.path().filename();
      for (const char* start : starts) {
        if (name.starts_with(start)) all.push_back(entry.path());
      }
    }
  }
  std::ranges::sort(all);
  return all;
}

::onnx::GraphProto graph_of(const fs::path& folder) {
  std::ifstream file(folder / "model.onnx", std::ios::binary);
  ::onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromIstream(&file)) << folder;
  return model.graph();
}

// Whether a message names an operator of the graph as messages do, or one of its inputs or outputs.
bool names_a_part(const std::string& message, const ::onnx::GraphProto& graph) {
  const auto has = [&](const std::string& text) { return message.find(text) != message.npos; };
  for (const auto& node : graph.node()) {
    const std::string domain = node.domain().empty() ? "" : node.domain() + ".";
    if (has("(" + domain + node.op_type() + ", opset ")) return true;
  }
  for (const auto& input : graph.input()) {
    if (has("its input '" + input.name() + "'")) return true;
  }
  return graph.output_size() > 1 && has(graph.output(1).name());
}

// What is known to pass; whoever makes more pass adds it here.
const std::set<std::string> kPassing = {"test_batchnorm_epsilon",
                                        "test_batchnorm_example",
                                        "test_gemm_alpha",
                                        "test_gemm_beta",
                                        "test_gemm_default_no_bias",
                                        "test_gemm_default_scalar_bias",
                                        "test_gemm_default_single_elem_vector_bias",
                                        "test_gemm_default_vector_bias",
                                        "test_gemm_default_zero_bias",
                                        "test_gemm_transposeB",
                                        "test_conv_with_autopad_same",
                                        "test_conv_with_strides_no_padding",
                                        "test_conv_with_strides_padding",
                                        "test_BatchNorm1d_3d_input_eval",
                                        "test_BatchNorm2d_eval",
                                        "test_BatchNorm2d_momentum_eval",
                                        "test_BatchNorm3d_eval",
                                        "test_BatchNorm3d_momentum_eval",
                                        "test_Conv2d_depthwise",
                                        "test_Conv2d_depthwise_padded",
                                        "test_Conv2d_depthwise_strided",
                                        "test_Conv2d_depthwise_with_multiplier",
                                        "test_Conv2d_dilated",
                                        "test_Conv2d_padding",
                                        "test_Conv2d_strided",
                                        "test_Linear",
                                        "test_Linear_no_bias",
                                        "test_operator_conv",
                                        "test_operator_flatten",
                                        "test_operator_mm",
                                        "test_single_relu_model"};

TEST(OnnxTestData, each_case_passes_at_the_tolerance_of_onnx_or_is_refused_by_name) {
  std::set<std::string> passing;
  std::size_t refused = 0;
  for (const fs::path& folder : cases()) {
    const std::string name = folder.filename();
    OnnxImportOptions options;  // its standards: relative 1e-5, absolute 1e-6
    options.check = folder / "test_data_set_0";
    try {
      const OnnxImport imported = import_onnx(folder / "model.onnx", options);
      ASSERT_TRUE(imported.check) << name;
      EXPECT_GT(imported.check->numbers, 0u) << name;
      passing.insert(name);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << name << ": " << error.what();
      EXPECT_TRUE(names_a_part(error.what(), graph_of(folder))) << name << ": " << error.what();
      ++refused;
    }
  }
  EXPECT_EQ(passing, kPassing);
  EXPECT_EQ(passing.size() + refused, cases().size());
  EXPECT_GE(refused, 50u);
}

TEST(OnnxTestData, a_check_that_should_fail_does) {
  const fs::path model = kData / "node/test_batchnorm_epsilon/model.onnx";
  OnnxImportOptions options;
  options.check = kData / "node/test_batchnorm_epsilon/test_data_set_0";
  EXPECT_NO_THROW(import_onnx(model, options));
  options.relative = 0;
  options.absolute = 1e-12;
  EXPECT_THROW(import_onnx(model, options), Error);
  options = {};
  options.check = kData / "node/test_batchnorm_example/test_data_set_0";  // of another epsilon
  EXPECT_THROW(import_onnx(model, options), Error);
}

}  // namespace
}  // namespace ztilde
