// What a study holds, as plain data: what is searched, and every trial so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ztilde/dataset.hpp"

namespace ztilde::search {

// Names of options of `ztilde train`, with their dashes, and texts: in the order in which they are given to
// it.
using OptionTexts = std::vector<std::pair<std::string, std::string>>;

// The text of an option, "" where it is none of them.
std::string text_of(const OptionTexts& options, const std::string& option);

enum class DimensionKind {
  real,         // between least and most, evenly
  logarithmic,  // the same, evenly by its logarithm
  whole,        // whole numbers from least to most, evenly by the logarithm where `logarithmic_whole`
  choice,       // one of `choices`
  layers,       // widths x depths: "64..512x1..4" is 1 to 4 hidden layers of one width from 64 to 512
};

// One option that is searched.
struct Dimension {
  std::string option;  // "--lr"
  DimensionKind kind = DimensionKind::real;
  double least = 0, most = 0;  // of real, logarithmic and whole, and of the width of layers
  bool logarithmic_whole = false;
  std::size_t least_layers = 1, most_layers = 1;
  std::vector<std::string> choices = {};
  std::string text = {};  // as it was given: "1e-4..1e-1:log"
  bool operator==(const Dimension&) const = default;
};

inline constexpr std::size_t kMostDeaths = 3;

struct StudyPlan {
  std::string version;                // of ztilde, that began the study
  OptionTexts fixed;                  // options of train that are the same for every trial
  std::vector<Dimension> dimensions;  // those that are not
  std::string data_words;             // "iris.csv: 150 rows, 4 columns, 3 classes"
  std::string data_fingerprint;       // of rows and targets: another process must have the same
  Task task = Task::classify;
  std::uint64_t seed = 0;
  std::size_t epochs = 0;          // of a whole trial
  std::vector<std::size_t> rungs;  // epochs after which trials may be stopped, rising; empty: stopping is off
  std::size_t reduction = 3;       // one of so many goes on from a rung
  OptionTexts first = {};          // options of the dimensions for trial 0: the defaults; empty: drawn too
  bool first_to_end = false;       // trial 0 is not stopped early: what others gain over it is known
  // A trial that so many workers died of, without coming further, is given up as diverged.
  std::size_t most_deaths = kMostDeaths;
};

enum class TrialState {
  waiting,  // for a worker: never begun, or its worker has died
  running,
  paused,    // at a rung, not good enough so far to go on; may still be
  finished,  // trained to its last epoch
  diverged,  // training diverged, or the options do not go together; `message` says which
};

struct TrialPoint {
  std::size_t epoch = 0;  // done, from 1
  double train_loss = 0, valid_loss = 0;
  std::optional<double> valid_accuracy, valid_rmse;
  double seconds = 0;  // of training so far
};

struct Trial {
  std::size_t number = 0;  // from 0; decides the options together with the study's seed
  OptionTexts options;     // of the dimensions
  std::uint64_t seed = 0;  // of its training
  TrialState state = TrialState::waiting;
  std::vector<TrialPoint> curve;  // by epoch
  std::string message = {};
  std::string worker = {};      // "host:process" of who has or had it
  double began = 0, ended = 0;  // seconds since 1970-01-01 UTC; 0: not yet
  // Of finalists trained by --folds: the mean validation loss over the folds, and by fold.
  std::optional<double> folds_loss;
  std::vector<double> fold_losses = {};
  std::size_t until_epoch = 0;  // trains so far for now: to a rung, or to the last epoch
  std::size_t deaths = 0;       // of workers that ran it, since it last came further
  // What it is judged by: the validation loss after its last epoch so far; nothing before the first one.
  std::optional<double> loss() const {
    if (curve.empty()) return std::nullopt;
    return curve.back().valid_loss;
  }
};

struct StudyContents {
  StudyPlan plan;
  std::size_t trials_asked = 0;  // --trials; 0: as many as fit into the time
  std::vector<Trial> trials;     // by number
  double began = 0;              // seconds since 1970-01-01 UTC
};

// The best finished trial: by folds_loss where finalists have one, else by loss(); of equals the first. Empty
// where none has a finite one.
std::optional<std::size_t> best_trial(const StudyContents& study);

}  // namespace ztilde::search
