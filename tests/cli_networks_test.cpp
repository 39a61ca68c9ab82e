// The program with networks of images and residual connections, by name and by file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "data/image_test_support.hpp"
#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

constexpr std::size_t kSide = 12, kImages = 24;

// Stripes, upright or level, in noise: two classes of grey images.
const TemporaryFolder& stripes() {
  static const TemporaryFolder folder;
  static const bool made = [] {
    for (std::size_t kind = 0; kind < 2; ++kind) {
      const std::string name = kind == 0 ? "level" : "upright";
      std::filesystem::create_directories(folder / ("data/" + name));
      for (unsigned i = 0; i < kImages; ++i) {
        std::mt19937 random(static_cast<unsigned>(kind) * 100 + i);
        Bytes pixels;
        for (std::size_t p = 0; p < kSide * kSide; ++p) {
          const bool bright = ((kind == 0 ? p / kSide : p % kSide) + i) / 2 % 2 == 0;
          pixels.push_back(static_cast<std::uint8_t>((bright ? 120 : 40) + random() % 90));
        }
        folder.write("data/" + name + "/" + std::to_string(i) + ".png", png_file(kSide, kSide, pixels));
      }
    }
    return true;
  }();
  EXPECT_TRUE(made);
  return folder;
}

std::vector<std::string> training(const std::string& net, const std::string& out,
                                  std::vector<std::string> more = {}) {
  std::vector<std::string> all = {"train",   "--data",   "data", "--net",   net,  "--out",  out,
                                  "--force", "--epochs", "6",    "--batch", "12", "--quiet"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string model_of(const std::string& net, const std::string& out, std::vector<std::string> more = {}) {
  const Result run = ztilde(stripes(), training(net, out, std::move(more)));
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return stripes().read(out);
}

TEST(Networks, by_every_name_learn_stripes) {
  for (const std::string net : {"cnn-small", "cnn", "resnet8", "resnet20"}) {
    const Result run = ztilde(stripes(), training(net, net, {"--lr", "0.01"}));
    ASSERT_EQ(run.exit_code, 0) << net << run.err;
    const Result judged = ztilde(stripes(), {"evaluate", net, "--data", "data", "--json"});
    EXPECT_GE(parsed(judged.out)["accuracy"], 0.95) << net;
  }
}

TEST(Networks, have_the_same_bits_on_any_number_of_threads_and_after_a_break) {
  const std::vector<std::string> changed = {"--flip", "--shift", "1", "--average-weights", "0.9"};
  for (const std::string net : {"cnn", "resnet8", "resmlp:3"}) {
    const auto with = [&](std::vector<std::string> more) {
      more.insert(more.end(), changed.begin(), changed.end());
      return model_of(net, "m", std::move(more));
    };
    const std::string one = with({"--threads", "1"});
    EXPECT_EQ(one, with({"--threads", "2"})) << net;
    EXPECT_EQ(one, with({"--threads", "4"})) << net;
    // Killed at its third save, in the middle of an epoch.
    std::vector<std::string> broken = training(net, "n", {"--checkpoint", "c", "--checkpoint-every", "3"});
    std::erase(broken, "--force");
    broken.insert(broken.end(), changed.begin(), changed.end());
    for (const char* name : {"n", "c"}) std::filesystem::remove(stripes() / name);
    Setting killed;
    killed.fault = "30:kill";
    EXPECT_EQ(ztilde(stripes(), broken, killed).exit_code, 128 + SIGKILL) << net;
    ASSERT_TRUE(std::filesystem::exists(stripes() / "c")) << net;
    ASSERT_FALSE(std::filesystem::exists(stripes() / "n")) << net;
    broken.push_back("--resume");
    const Result resumed = ztilde(stripes(), broken);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(one, stripes().read("n")) << net;
  }
}

TEST(Networks, with_convolutions_have_standards_of_their_own_that_any_option_overrides) {
  const auto said = [](const std::string& net, std::vector<std::string> more) {
    std::vector<std::string> all = {"train", "--data", "data",    "--net",    net,
                                    "--out", "s",      "--force", "--epochs", "1"};
    all.insert(all.end(), more.begin(), more.end());
    const Result run = ztilde(stripes(), all);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return run.err;
  };
  const auto has = [](const std::string& text) { return testing::HasSubstr(text); };
  EXPECT_THAT(said("cnn-small", {}), has("adamw, learning rate 0.01, onecycle"));
  EXPECT_THAT(said("cnn-small", {"--lr", "0.003", "--schedule", "constant"}),
              has("adamw, learning rate 0.003, constant"));
  EXPECT_THAT(said("cnn-small", {"--optimizer", "sgd"}), has("sgd, learning rate 0.1, onecycle"));
  EXPECT_THAT(said("resmlp:2", {}), has("adamw, learning rate 0.002, cosine"));
  const Result model = ztilde(stripes(), training("cnn-small", "s"));
  ASSERT_EQ(model.exit_code, 0) << model.err;
  EXPECT_THAT(ztilde(stripes(), {"inspect", "s", "--json"}).out, has("onecycle"));
}

TEST(Networks, printed_by_their_name_are_files_for_train) {
  const Result printed = ztilde(stripes(), {"inspect", "resnet8", "--network"});
  ASSERT_EQ(printed.exit_code, 0) << printed.err;
  stripes().write("mine.json", printed.out);
  EXPECT_EQ(model_of("mine.json", "a"), model_of("resnet8", "b"));
  // What a model says of its network is complete, and gives the same too.
  const Result complete = ztilde(stripes(), {"inspect", "b", "--network"});
  EXPECT_NE(complete.out.find("\"inputs\": 144, \"height\": 12, \"width\": 12"), complete.out.npos);
  stripes().write("complete.json", complete.out);
  EXPECT_EQ(model_of("complete.json", "c"), stripes().read("b"));
}

TEST(Networks, are_shown_with_their_shapes_and_stages) {
  model_of("resnet8", "shown");
  const Result layers = ztilde(stripes(), {"inspect", "shown"});
  EXPECT_NE(layers.out.find("[rows, 12, 12, 16]"), layers.out.npos) << layers.out;
  EXPECT_NE(layers.out.find("conv 3 × 3 / 2"), layers.out.npos) << layers.out;
  const Result stages = ztilde(stripes(), {"inspect", "shown", "--plan"});
  EXPECT_NE(stages.out.find("∗ W1 [16, 1, 3, 3]"), stages.out.npos) << stages.out;
  EXPECT_NE(stages.out.find("mean of 3 × 3"), stages.out.npos) << stages.out;
}

TEST(Networks, that_are_not_there_or_do_not_fit_are_refused_in_one_line) {
  const auto refused = [](const std::string& net) {
    const Result run = ztilde(stripes(), training(net, "none"));
    EXPECT_EQ(run.exit_code, 2) << run.err;
    EXPECT_FALSE(std::filesystem::exists(stripes() / "none"));
    return run.err;
  };
  EXPECT_EQ(
      refused("resnt8"),
      "error: --net resnt8: no such file, and no network of this name; did you mean resnet8?; known are cnn, "
      "cnn-small, plain20, resmlp:DEPTH, resnet20, resnet56, resnet8; or give a JSON file\n");
  EXPECT_EQ(refused("resmlp"),
            "error: --net resmlp: how deep is missing; give --net resmlp:8, or another depth\n");
  EXPECT_EQ(refused("resmlp:x"),
            "error: --net resmlp:x: the depth must be a whole number from 1 to 10,000\n");
  EXPECT_EQ(refused("cnn:3"), "error: --net cnn:3: cnn has no depth to choose; leave out \":3\"\n");
}

}  // namespace
}  // namespace ztilde::cli_test
