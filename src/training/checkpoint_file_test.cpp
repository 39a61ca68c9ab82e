// The checkpoint file: every damage is refused, and so is what a sound file cannot say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>

#include "base/test_support.hpp"
#include "model/checksum.hpp"
#include "model/model_file.hpp"
#include "training/checkpoint.hpp"
#include "training/prepare.hpp"

namespace ztilde::checkpoint {
namespace {

// A small run after some steps, and its file.
class SmallRun {
 public:
  SmallRun() {
    data_.rows = 12;
    data_.columns = 1;
    for (std::size_t r = 0; r < data_.rows; ++r) {
      data_.floats.push_back(static_cast<float>(r * r % 7));
      data_.targets.push_back(static_cast<float>(r % 2));
    }
    data_.classes = {"a", "b"};
    options_.hidden = {2};
    options_.batch = 4;
    options_.epochs = 5;
    options_.valid_fraction = 0;
    options_.average_weights = 0.5;
    run_.emplace(prepare_run(data_, nullptr, options_, team_));
    trainer_.emplace(run_->model, run_->objective, run_->optimiser, run_->batcher.plan(), 0, team_, 0);
    state.best = run_->model;
    run_->batcher.begin_epoch(0);
    for (std::size_t i = 0; i < 4; ++i) trainer_->step(run_->batcher.batch(i % 3), 0.01);
    state.epoch = 1;
    state.batch = 1;
    state.best_epoch = 1;
    HistoryPoint& point = state.history.emplace_back();
    point.step = 3;
    point.epoch_end = true;
    point.train_loss = 0.5;
    point.valid_accuracy = 0.75;
  }

  Trainer& trainer() { return *trainer_; }
  RunIdentity identity() const { return identity_of(data_, nullptr, run_->model.network, options_); }
  std::string bytes() {
    std::vector<double> history;
    return to_pieces({identity(), "note"}, *trainer_, state, history).joined();
  }
  void read(const std::string& content) { from_bytes(content, "c", identity(), {3, 5}, *trainer_, state); }
  std::string refusal(const std::string& content) {
    return failure(TemporaryFolder(), [&] { read(content); });
  }

  TrainState state;

 private:
  Dataset data_;
  TrainOptions options_;
  Team team_{1};
  std::optional<PreparedRun> run_;
  std::optional<Trainer> trainer_;
};

TEST(CheckpointFile, reads_back_as_it_was_written) {
  SmallRun run, other;
  const std::string content = run.bytes();
  other.trainer().model.parameters.assign(other.trainer().model.parameters.size(), 7);
  other.state = {};
  other.state.best = other.trainer().model;
  other.read(content);
  EXPECT_EQ(other.bytes(), content);
  ASSERT_EQ(other.state.history.size(), 1u);
  const HistoryPoint& point = other.state.history[0];
  EXPECT_EQ(point.step, 3u);
  EXPECT_TRUE(point.epoch_end);
  EXPECT_EQ(point.train_loss, 0.5);
  EXPECT_EQ(point.valid_loss, std::nullopt);
  EXPECT_EQ(point.valid_accuracy, 0.75);
}

TEST(CheckpointFile, with_any_flipped_bit_is_refused) {
  SmallRun run;
  const std::string content = run.bytes();
  for (std::size_t bit = 0; bit < 8 * content.size(); ++bit) {
    std::string damaged = content;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_THROW(run.read(damaged), Error) << "bit " << bit << " of " << 8 * content.size();
  }
}

TEST(CheckpointFile, cut_anywhere_or_with_more_behind_it_is_refused) {
  SmallRun run;
  const std::string content = run.bytes();
  for (std::size_t size = 0; size < content.size(); ++size)
    EXPECT_THROW(run.read(content.substr(0, size)), Error) << size << " bytes";
  EXPECT_THROW(run.read(content + '\0'), Error);
}

TEST(CheckpointFile, says_what_is_no_checkpoint) {
  SmallRun run;
  EXPECT_EQ(run.refusal(""),
            "data: c: not a checkpoint (it is empty); name one that 'ztilde train --checkpoint' wrote");
  EXPECT_EQ(
      run.refusal("a,b,c\n1,2,3\n"),
      "data: c: not a checkpoint (it does not begin like a safetensors file); name one that 'ztilde train "
      "--checkpoint' wrote");
  EXPECT_EQ(run.refusal(model_file::to_bytes(run.trainer().model, "m")),
            "data: c: not a checkpoint (it is a model); name one that 'ztilde train --checkpoint' wrote");
  std::string damaged = run.bytes();
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  EXPECT_EQ(run.refusal(damaged),
            "data: c: the file is damaged (its checksum does not fit); copy it again or make it anew");
}

TEST(CheckpointFile, is_no_model) {
  SmallRun run;
  const std::string message =
      failure(TemporaryFolder(), [&] { (void)model_file::from_bytes(run.bytes(), "c"); });
  EXPECT_EQ(
      message,
      "data: c: this is a checkpoint, not yet a model; 'ztilde train' with --checkpoint and --resume goes "
      "on from it");
}

// What a sound checksum vouches for, after a change of one tensor or one text.
TEST(CheckpointFile, whose_numbers_cannot_be_is_refused) {
  SmallRun run;
  const std::string content = run.bytes();
  const auto with = [&](const std::string& name, const std::string& bytes) {
    safetensors::File file = safetensors::read(content, "c");
    bool found = false;
    for (safetensors::Tensor& tensor : file.tensors) {
      if (tensor.name != name) continue;
      found = true;
      tensor.bytes = bytes;
      if (tensor.shape.size() == 1) tensor.shape = {bytes.size() / safetensors::byte_size(tensor.dtype)};
    }
    EXPECT_TRUE(found) << name;
    return run.refusal(pieces_with_checksum(file).joined());
  };
  const auto count = [](std::uint64_t number) {
    return std::string(reinterpret_cast<const char*>(&number), sizeof number);
  };
  const std::string contradiction =
      "data: c: its counts of epochs and steps contradict each other; begin the run anew";
  EXPECT_EQ(with("batch", count(3)), contradiction);
  EXPECT_EQ(with("batch", count(0)), contradiction);
  EXPECT_EQ(with("steps", count(5)), contradiction);
  EXPECT_EQ(with("best_epoch", count(2)), contradiction);
  EXPECT_EQ(with("epoch", count(6)), "data: c: its history is not that of its epochs; begin the run anew");
  EXPECT_EQ(with("parameters", count(0)),
            "data: c: 'parameters' has 8 bytes, the run asks for 320; begin the run anew");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::string parameters(320, '\0');
  std::memcpy(parameters.data(), &nan, sizeof nan);
  EXPECT_THAT(with("parameters", parameters),
              testing::HasSubstr("weight is nan in channel 0, it must be finite"));
  // Counts of which no integer can be made.
  for (const double number : {std::nan(""), -1.0, 1e300}) {
    std::vector<double> history(13, number);
    EXPECT_EQ(with("history", {reinterpret_cast<const char*>(history.data()), 13 * sizeof(double)}),
              "no error");
    EXPECT_EQ(run.state.history[0].step, 0u);
  }
}

TEST(CheckpointFile, of_another_version_is_refused) {
  SmallRun run;
  const std::string content = run.bytes();
  safetensors::File file = safetensors::read(content, "c");
  file.metadata["format_version"] = "3";
  EXPECT_EQ(
      run.refusal(pieces_with_checksum(file).joined()),
      "data: c: a checkpoint of format '3', and this program reads 2; go on with the program that wrote it");
}

}  // namespace
}  // namespace ztilde::checkpoint
