// Damaged models are refused in one line, or give finite outputs.
#include "onnx/import_damage_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "onnx/import_test_support.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_import {
namespace {

TEST(OnnxDamage, a_thousand_damaged_models_are_refused_in_one_line_or_give_finite_outputs) {
  Chance chance(1);
  const ModelMaker models[] = {table_model(), image_model()};
  OnnxImportOptions options;
  options.most_numbers = 1 << 16;
  options.most_products = 1e6;
  int taken = 0, refused = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string bytes = damaged(models[i % 2].proto, chance);
    try {
      const OnnxImport imported = from_bytes(bytes, "m.onnx", "", options);
      ++taken;
      const auto is_finite = [](float number) { return std::isfinite(number); };
      EXPECT_TRUE(std::ranges::all_of(imported.model.test_outputs, is_finite)) << i;
      EXPECT_FALSE(imported.model.test_outputs.empty()) << i;
    } catch (const Error& error) {
      ++refused;
      const std::string what = error.what();
      EXPECT_TRUE(what.starts_with("m.onnx: ")) << i << ": " << what;
      EXPECT_EQ(what.find('\n'), what.npos) << i << ": " << what;
      EXPECT_LT(what.size(), 700u) << i << ": " << what;
    }
  }
  // Neither is all that happens: some damage does not matter, most does.
  EXPECT_GT(taken, 100);
  EXPECT_GT(refused, 400);
}

}  // namespace
}  // namespace ztilde::onnx_import
