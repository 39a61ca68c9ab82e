// What `ztilde train` can be told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/input.hpp"
#include "cli/options.hpp"
#include "cli/progress.hpp"
#include "ztilde/train.hpp"

namespace ztilde::cli {

struct TrainArguments {
  InputFiles input, valid;
  std::string target;
  std::optional<Task> task;
  std::string net, from, class_weights_file;
  TrainOptions training;
  std::optional<std::uint64_t> split_seed;  // of the rows held out; empty: the training's
  std::uint64_t folds = 0;                  // 0: no cross-validation
  std::string out = "model.ztilde", log;    // out is empty where --folds is to save no model
  std::string report;
  bool watch = false;
  int watch_port = 0;  // 0: any that is free
  ProgressStyle progress = ProgressStyle::automatic;
  bool only_norm = false;
  bool quiet = false, json = false, force = false;
};

// The options that describe a network, and that --net and --from stand in place of.
extern const std::vector<std::string> kNetworkOptions;

// Binds every option to a member of `arguments`, which must outlive the table.
OptionTable train_options(TrainArguments& arguments);

// Those of them that say what is trained, on what and how: without files to write, progress and threads.
// folds: what --folds is for.
void list_training_options(OptionTable& table, TrainArguments& arguments, const std::string& folds);

// What trains a network with convolutions well, for those of --schedule, --batch and --lr that were left open
// (docs/images.md has the measurements).
void use_image_standards(OptionTable& table, const TrainArguments& arguments);

// Throws Error(data) for options that contradict each other. Reads no file.
void check_train_options(const OptionTable& table, const TrainArguments& arguments);

}  // namespace ztilde::cli
