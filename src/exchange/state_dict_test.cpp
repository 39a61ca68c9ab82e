// What is no state dict, and numbers of every type that is one.
#include "exchange/state_dict.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "exchange/exchange_test_support.hpp"

namespace ztilde::exchange {
namespace {

using safetensors::Dtype;
using testing_exchange::refusal;
using testing_exchange::StateDictFile;

std::string refused(const std::string& content) {
  const TemporaryFolder folder;
  folder.write("model.pth", content);
  return refusal(folder, [&] { read_state_dict(folder / "model.pth"); });
}

TEST(StateDict, pickled_files_are_refused_with_the_line_that_converts_them) {
  for (const std::string& start : {std::string("PK\x03\x04"), std::string("\x80\x02\x8a\x0a")}) {
    EXPECT_EQ(
        refused(start + std::string(100, 'x')),
        "model.pth: a pickled PyTorch file, which only Python can read; convert its state dict: python3 -c "
        "\"import torch, safetensors.torch as s; s.save_file(torch.load('model.pth', map_location='cpu'), "
        "'model.safetensors')\"");
  }
}

TEST(StateDict, what_is_no_whole_safetensors_file_is_refused) {
  EXPECT_EQ(refused(""),
            "model.pth: not a safetensors file (it is empty); write one in Python with "
            "safetensors.torch.save_file(module.state_dict(), 'model.safetensors')");
  EXPECT_TRUE(
      refused("a,b\n1,2\n3,4\n").starts_with("model.pth: not a safetensors file; write one in Python"));
  StateDictFile file;
  const std::string whole = file.linear("fc", 3, 4).bytes();
  for (const std::size_t cut : {std::size_t{1}, std::size_t{20}, whole.size() - 12})
    EXPECT_TRUE(refused(whole.substr(0, whole.size() - cut))
                    .starts_with("model.pth: not a sound safetensors file: "));
  EXPECT_EQ(refused(StateDictFile().bytes()), "model.pth: it has no tensors; save a module's state_dict()");
  const TemporaryFolder folder;
  EXPECT_NE(refusal(folder, [&] { read_state_dict(folder.path()); }).find("a directory; name"),
            std::string::npos);
}

TEST(StateDict, halves_and_doubles_are_read_exactly) {
  const std::vector<std::uint16_t> halves = {0x0000, 0x8000, 0x3C00, 0xC000, 0x7BFF,
                                             0x0001, 0x03FF, 0x0400, 0x3555};
  const std::vector<double> of_halves = {
      0, -0.0, 1, -2, 65504, std::ldexp(1, -24), std::ldexp(1023, -24), std::ldexp(1, -14), 0.333251953125};
  const std::vector<std::uint16_t> bfloats = {0x3F80, 0xC040, 0x0001, 0x7F7F};
  const std::vector<double> of_bfloats = {1, -3, std::ldexp(1, -133), std::ldexp(255, 120)};
  const std::vector<double> doubles = {1.0 / 3, 1e300};
  const TemporaryFolder folder;
  StateDictFile file;
  file.add("half", {9}, Dtype::f16, halves)
      .add("bfloat", {4}, Dtype::bf16, bfloats)
      .add("double", {2}, Dtype::f64, doubles);
  const StateDict dict = read_state_dict(file.save(folder));
  ASSERT_EQ(dict.file.tensors.size(), 3u);
  for (const safetensors::Tensor& tensor : dict.file.tensors) {
    EXPECT_EQ(numbers_of(dict, tensor, false), tensor.name == "half"     ? of_halves
                                               : tensor.name == "bfloat" ? of_bfloats
                                                                         : doubles);
  }
}

TEST(StateDict, numbers_that_are_not_finite_are_named) {
  const TemporaryFolder folder;
  const auto told = [&](Dtype dtype, const auto& numbers, bool as_float) {
    StateDictFile file;
    const StateDict dict = read_state_dict(file.add("fc.weight", {2, 2}, dtype, numbers).save(folder));
    return refusal(folder, [&] { numbers_of(dict, dict.file.tensors[0], as_float); });
  };
  const std::string start = "dict.safetensors: tensor fc.weight: ";
  EXPECT_EQ(told(Dtype::f32, std::vector<float>{1, 2, std::nanf(""), 4}, true),
            start + "nan at [1, 0]; numbers must be finite in float, save a module that has not diverged");
  EXPECT_EQ(told(Dtype::f16, std::vector<std::uint16_t>{0, 0xFC00, 0, 0}, false),
            start + "-inf at [0, 1]; numbers must be finite, save a module that has not diverged");
  EXPECT_EQ(told(Dtype::f64, std::vector<double>{1, 2, 3, 1e60}, true),
            start + "1e+60 at [1, 1]; numbers must be finite in float, save a module that has not diverged");
  EXPECT_EQ(told(Dtype::f64, std::vector<double>{1, 2, 3, 1e60}, false), "");
  EXPECT_EQ(told(Dtype::i64, std::vector<std::int64_t>{1, 2, 3, 4}, true),
            start + "I64, where floating-point numbers are needed");
}

TEST(StateDict, prefixes_that_differ_by_numbers_alone_have_one_pattern) {
  EXPECT_EQ(pattern_of("layer1.0.conv12"), "layer#.#.conv#");
  EXPECT_EQ(pattern_of(""), "");
  EXPECT_NE(pattern_of("conv"), pattern_of("conv1"));
}

}  // namespace
}  // namespace ztilde::exchange
