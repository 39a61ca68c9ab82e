// Why a batch-normalised model is worse in use than in training: which layer it is, and what is wrong there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

enum class Cause {
  not_finite,         // NaN or infinity among a layer's numbers, or born in it
  frozen_statistics,  // mean 0 and variance 1, which statistics start from
  frozen_parameters,  // as they were before the first step
  few_updates,        // too much of the start is left in running statistics
  small_batches,      // statistics of so few rows are noise, which training saw and use does not
  old_statistics,     // those of other weights than the layer has now
  variance_kind,      // rows and rows − 1 mixed up
  epsilon,            // another one than training's
  other_data,         // these rows are not like those of training
  low_variance,       // channels that hardly vary, or did not in training
  zero_gamma,         // channels that give a constant
  dead_units,         // relu gives 0 in every row
  example_rows,       // the rows kept in the file do not give the outputs kept with them
};
std::string_view to_string(Cause cause);  // "old_statistics"

struct DoctorOptions {
  std::size_t batch = 0;  // rows of a batch with its own statistics; 0: as in training, where that is known
  std::size_t rows = 10000;  // the most to look at, drawn evenly from all; 0: all
  std::uint64_t seed = 0;    // of the drawing and of the order in which rows make batches
  std::size_t threads = 0;   // 0: all cores; the result does not depend on it
};

// What a change takes off the mean loss (above 0: it helps), and the standard error of that, which is of
// the differences row by row.
struct LossStep {
  double value = 0, error = 0;
};

// How far stored statistics are from measured ones: |difference of the means| / sqrt(measured variance +
// epsilon), and sqrt(variance + epsilon), the larger over the smaller.
struct StatisticsDistance {
  ChannelRange mean, deviation;
};

struct LayerDiagnosis {
  std::size_t layer = 0;  // a BatchNorm, by its index in the network
  std::size_t channels = 0;
  std::uint64_t updates = 0;  // batches that made its statistics; 1 for population statistics
  // Its statistics measured anew: with those of all layers below it anew already, so that the steps of all
  // layers sum up to stored − population; and alone, with all others as stored.
  LossStep to_population, alone;
  // From measured anew to each batch's own, the layers below done already: sums up to population − batch.
  LossStep to_batch;
  // Stored against measured, with the layers below it: as stored; measured anew; repaired where something
  // was found there, which is what the layer is judged by.
  StatisticsDistance below_stored, below_measured, judged;
};

// How far an input is from what it was in training.
struct InputDistance {
  std::size_t column = 0;  // of the data, or the channel of an image
  std::string name;
  double mean = 0;       // |difference of the means| in standard deviations of training
  double deviation = 1;  // standard deviations, the larger over the smaller
};

struct Finding {
  Cause cause = Cause::old_statistics;
  std::vector<std::size_t> layers;    // by index in the network, the one it matters in most first
  std::vector<std::size_t> channels;  // of layers[0], where it is about some of them
  std::string tensor;                 // of layers[0], where it is about one: "weight", "running_mean", …
  // What repairing it takes off the loss, with everything repaired that was found below it. Empty where
  // that cannot be measured.
  std::optional<LossStep> loss_step;
  std::vector<std::pair<std::string, double>> evidence;  // numbers by name
  std::vector<InputDistance> inputs;                     // other_data: the furthest first
};

struct Diagnosis {
  std::size_t rows = 0;      // looked at
  std::size_t batch = 0;     // rows of a batch with its own statistics
  bool batch_known = false;  // from the options, or from how the model was trained
  // Without targets losses are how far the answers are from those with population statistics: the mean
  // Kullback-Leibler divergence, or the mean squared difference.
  bool labelled = false;
  // Mean loss with each batch's statistics, with the model's, with statistics of all these rows, and of
  // `repaired`. NaN where an output is.
  double loss_batch = 0, loss_stored = 0, loss_population = 0, loss_repaired = 0;
  std::vector<LayerDiagnosis> layers;  // every BatchNorm; empty where numbers are not finite
  std::vector<Finding> findings;       // what costs most first; empty: nothing is wrong
  // The model with what can be repaired without training: statistics and epsilon of the layers found, and the
  // standardisation of the inputs. The same as the model where nothing is.
  Model repaired;
  bool repairs = false;  // whether it differs
};

// Needs 2 rows, with or without a target, in the model's columns. The model's numbers may be anything. Throws
// Error(data) where the data do not fit, or where there is no BatchNorm.
Diagnosis diagnose(const Model& model, const Dataset& data, const DoctorOptions& options = {});

// A model file with whatever numbers it has.
struct UncheckedModel {
  Model model;
  std::string refusal;  // what load() says of it; empty: nothing
};
// Throws Error as load() does for what has no such structure at all.
UncheckedModel load_unchecked(const std::string& path);

}  // namespace ztilde
