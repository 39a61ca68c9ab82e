// Training: rows in, model out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/model.hpp"
#include "ztilde/network.hpp"
#include "ztilde/transport.hpp"

namespace ztilde {

enum class OptimizerKind { sgd, momentum, nesterov, rmsprop, adam, adamw };
enum class ScheduleKind { constant, cosine, step, onecycle };
enum class InitKind { he, xavier, normal };

// Where a run is kept while it goes on, so that it can go on later (docs/checkpoints.md). Changes
// nothing about the result.
struct CheckpointOptions {
  std::string path;               // empty: nowhere
  std::uint64_t every_steps = 0;  // 0: at the end of every epoch; in both cases at the end of the run
  bool resume = false;            // go on from `path` where there is one, to the bits of an unbroken run
  std::string note;               // the caller's own words, kept in the file; ASCII
};

// How often a row's loss counts by its class, times the row's own weight. In the loss only, of training
// and validation rows alike; metrics know nothing of it. Neither: every class counts once.
struct ClassWeights {
  bool balanced = false;  // training rows / (classes · rows of the class): each class counts as much in all
  std::vector<std::pair<std::string, double>> given;  // by name, 0 or more; classes not named: 1
};

// What is done to training images, by chance and anew in every step; validation and use see them as
// they are. Only for data sets with image_width.
struct Augmentation {
  bool flip = false;       // left to right, every other one
  std::size_t shift = 0;   // by up to so many pixels along each axis; what comes in from outside is 0
  std::size_t cutout = 0;  // a square of so many pixels, cut at the image's edges, becomes 0. DeVries &
                           // Taylor 2017, arXiv:1708.04552
  bool any() const { return flip || shift > 0 || cutout > 0; }
  bool operator==(const Augmentation&) const = default;
};

// Which parameters stay as they are, to the bit; none of their gradients count. layers: all of these,
// by index in the network; norms: gamma and beta of every BatchNorm.
enum class FreezeKind { none, layers, norms, all_but_norms };
struct Freeze {
  FreezeKind kind = FreezeKind::none;
  std::vector<std::size_t> layers;  // of FreezeKind::layers
  bool operator==(const Freeze&) const = default;
};

struct TrainOptions {
  // Goes on from this model: its network, parameters, statistics, encoding and standardisation of the
  // inputs, columns and classes, which the data must have. The optimiser starts anew. The thirteen that
  // describe and initialise a network count for nothing then.
  std::optional<Model> from;
  Freeze freeze;
  // Every BatchNorm normalises with the statistics of `from`, in training too: constants in both directions,
  // and what the trained model has.
  bool freeze_statistics = false;

  std::optional<Network> network;  // instead of the ten that follow
  std::vector<std::size_t> hidden = {256, 256};
  ActivationKind activation = ActivationKind::relu;
  bool batch_norm = true;
  NormPlace norm_place = NormPlace::before;
  double epsilon = 1e-5;
  double keep = 0.9;
  bool standardise = true;
  bool quantile = false;          // before that, numbers through a map to a normal distribution
  std::size_t one_hot_most = 16;  // categories of a column; above, they get a trained table
  double dropout = 0;

  InitKind init = InitKind::he;
  double init_std = 0.01;  // of InitKind::normal
  double init_scale = 1;   // times what he or xavier gives

  OptimizerKind optimizer = OptimizerKind::adamw;
  std::optional<double> learning_rate;  // empty: default_learning_rate(optimizer)
  ScheduleKind schedule = ScheduleKind::cosine;
  std::uint64_t warmup_steps = 0;
  std::optional<double> weight_decay;  // empty: 0.01 for adamw, else 0
  bool decay_all = false;              // γ, β and biases too
  double clip_norm = 0;                // largest gradient norm; 0: no clipping
  ClassWeights class_weights;
  // The target is 1 − s + s / classes for a row's class and s / classes for each other one: in the training
  // loss only. Szegedy et al. 2016, arXiv:1512.00567.
  double label_smoothing = 0;
  // The saved parameters are the mean of those after each step, by exponentially falling weights:
  // average = a · average + (1 − a) · parameters, with the bias of the start taken out; statistics are
  // measured with the average. 0: the last step's parameters. Polyak & Juditsky 1992.
  double average_weights = 0;
  Augmentation augment;

  std::size_t epochs = 20;
  std::size_t batch = 256;
  // Ghost batch norm: a batch is cut into groups of at most so many rows, as even as can be, each with
  // statistics of its own; one step for all. 0: the whole batch. Hoffer et al. 2017, arXiv:1705.08741.
  std::size_t ghost = 0;
  std::size_t patience = 0;     // epochs without a better validation loss before stopping; 0: never
  double valid_fraction = 0.1;  // used when no validation set is given; 0: none
  StatisticsSource statistics = StatisticsSource::population;

  std::size_t threads = 0;  // 0: all cores. Never changes the result
  // Of data whose inputs are in Dataset::store: the bytes that training may take in all. Inputs of up to half
  // of them are read into memory first. Larger ones stay on disk: a quarter holds the rows that are trained
  // on, a quarter those that come next, and rows are shuffled within such windows (docs/pack.md), whose size
  // is part of what the run is. 0: all inputs are read into memory.
  std::size_t memory = 0;
  std::uint64_t seed = 0;
  CheckpointOptions checkpoint;
  // Processes that train this model together, each with all rows and the same options: every batch is dealt
  // to them, its statistics and gradients are those of all its rows. The result is the same on any number of
  // ranks, one included, and differs in rounding from that of a process without. Rank 0 alone writes the
  // checkpoint. A rank that is waited for longer than rank_timeout seconds ends the others with Error(io),
  // the checkpoint as it was.
  std::shared_ptr<Transport> transport;
  double rank_timeout = 30;
  // False: each rank normalises its part of a batch by statistics of its own, as ghost batch norm does, and
  // waits less; the result then depends on the number of ranks. Running statistics are those of the whole
  // batches.
  bool synchronised_statistics = true;
};

double default_learning_rate(OptimizerKind optimizer);
double default_weight_decay(OptimizerKind optimizer);

// What is about to happen, known before the first step.
struct TrainPlanSummary {
  std::size_t train_rows = 0, valid_rows = 0;
  std::size_t window_rows = 0;  // that are shuffled at a time, of inputs that stay on disk; else 0
  std::size_t steps_per_epoch = 0;
  std::string batches;  // "1,001 rows = 4 batches of 250 or 251"
  std::size_t parameters = 0;
  std::size_t frozen_parameters = 0;  // of these
  std::size_t memory_bytes = 0;       // parameters, gradients, optimiser state and buffers
  std::string stages;                 // the plan, one stage a line
  Network network;
  double learning_rate = 0;
  double weight_decay = 0;
  std::uint64_t resumed_steps = 0;      // those that the checkpoint had behind it
  std::vector<std::size_t> class_rows;  // training rows of each class; empty for regression
  std::vector<double> class_weights;    // by class, as used; empty where every class counts once
  std::vector<std::string> warnings;    // constant columns, batches of 2, …; one sentence each
};

// What one BatchNorm layer did to the probe rows, some training rows that stay the same, with the
// parameters and running statistics of the moment, in use: every layer below normalised by its running
// statistics too. A percentile p of n numbers is at position p / 100 · (n − 1) of the sorted ones, between
// two of them by linear interpolation, as numpy's are.
struct NormPoint {
  std::size_t layer = 0;               // its index in the network
  std::array<double, 3> z = {};        // percentiles 15, 50, 85, over rows and units, of what it normalises
  std::array<double, 3> z_tilde = {};  // and of what it gives
  std::array<double, 5> gamma = {};    // least, percentiles 15, 50, 85, most, over the units
  std::array<double, 5> beta = {};
  // Of the activation that comes next, where it is such a one.
  std::optional<double> dead;       // share of units whose relu is 0 for every probe row
  std::optional<double> saturated;  // share of values beyond ±4 before a sigmoid or ±2 before a tanh, where
                                    // the slope is below 7.1 % of what it is at 0
  // Running statistics against those of z over the probe rows: median and most over the units. Rows count
  // by their weight here.
  std::array<double, 2> mean_distance = {};   // |difference of the means| / sqrt(variance of z + epsilon)
  std::array<double, 2> variance_ratio = {};  // the larger over the smaller, epsilon added to both
};

// Where the time of the training steps went, since the first one of this process, in seconds of all
// threads together: the parts sum up to the steps' time by the clock times the threads.
struct TimeSplit {
  double products = 0;       // matrix products, forward and for both gradients, and biases
  double normalisation = 0;  // statistics, normalising, scale and shift, activations, and back
  double data = 0;           // gathering rows: encoded and standardised, what trains tables included
  double optimiser = 0;
  double other = 0;  // loss, dropout, waking up and waiting for each other
};

// One point of the history. Losses are means over rows by their weights and class weights; train_loss and
// rows_per_second are of the training rows since the last point, or of the whole epoch at its end, as
// training saw them.
struct HistoryPoint {
  std::uint64_t step = 0;  // steps done
  std::size_t epoch = 0;   // epochs begun, from 1
  bool epoch_end = false;  // valid_* are set at the end of an epoch, where there are such rows
  double train_loss = 0;
  std::optional<double> valid_loss;
  std::optional<double> valid_accuracy;  // classify
  std::optional<double> valid_rmse;      // regress
  double learning_rate = 0;
  double seconds = 0;  // since the first step
  double rows_per_second = 0;
  // Where the observer asked for it, at each epoch's end and else once a second at most. Checkpoints
  // do not keep them.
  std::vector<NormPoint> norms;  // by BatchNorm layer
  std::optional<TimeSplit> time;
};

// How training talks to its caller. Every member may be empty.
struct TrainObserver {
  std::function<void(const TrainPlanSummary&)> on_start;
  std::function<void(const HistoryPoint&)> on_point;  // a few times a second, and at each epoch's end
  std::function<bool()>
      should_stop;  // asked after every step, and before the last measurements; true ends training
  std::function<void(std::uint64_t)> on_checkpoint;  // after one is safely on disk: its steps
  // Above 0: points tell of `norms`, by at most as many training rows, and of `time`. Changes nothing about
  // the result.
  std::size_t probe_rows = 0;
};

// How far a BatchNorm layer's running statistics at the end of training, before they were replaced, were
// from the population statistics of the saved model: as in NormPoint, but with every layer below
// normalised by its population statistics.
struct RunningError {
  std::size_t layer = 0;
  std::array<double, 2> mean_distance = {}, variance_ratio = {};
};

struct TrainResult {
  // The last epoch's, which the schedule was made for; with patience, or when interrupted, the best
  // by validation loss.
  Model model;
  std::vector<HistoryPoint> history;  // the ends of epochs
  std::size_t best_epoch = 0;         // the epoch whose model this is, from 1
  double train_loss = 0;              // of the saved model on the training rows, as it will be used
  std::optional<double> valid_loss, valid_accuracy, valid_rmse;  // of the saved model
  std::optional<Scores> valid_scores;       // the same and all others, without class weights
  std::vector<RunningError> running_error;  // by BatchNorm layer; empty where the model keeps running ones
  std::size_t epochs = 0;
  std::uint64_t steps = 0;
  double seconds = 0;
  double rows_per_second = 0;
  bool stopped_early = false;      // by patience
  bool interrupted = false;        // by should_stop, or by a checkpoint that could not be saved
  std::string checkpoint_problem;  // why not; the one before is as it was
};

// Throws Error(data) for what cannot work, before the first step; Error(diverged) where a frozen tensor is
// not as it was, and, naming layer, channel and step, when NaN or infinity is born: a checkpoint stays as it
// was then. An interrupted run whose data would take seconds to pass over again gives a model with running
// statistics.
TrainResult train(const Dataset& data, const TrainOptions& options, const TrainObserver& observer = {});
TrainResult train(const Dataset& data, const Dataset& valid, const TrainOptions& options,
                  const TrainObserver& observer = {});

// What a checkpoint says of its run; empty where there is no such file. Throws Error for what is none.
struct CheckpointInfo {
  std::uint64_t steps = 0, epochs = 0;  // done; whole ones
  std::string note;
};
std::optional<CheckpointInfo> read_checkpoint_info(const std::string& path);

}  // namespace ztilde
