// A network with its numbers and everything needed to use it: raw rows in, answers out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/drift_thresholds.hpp"
#include "ztilde/fold_certificate.hpp"
#include "ztilde/network.hpp"

namespace ztilde {

// Where the statistics that the model normalises with come from.
enum class StatisticsSource { population, running };

// How the model was trained; kept in its file for whoever asks later.
struct TrainingRecord {
  std::uint64_t rows = 0;
  std::uint64_t epochs = 0;
  std::uint64_t steps = 0;
  std::uint64_t seed = 0;
  double train_loss = 0;
  double valid_loss = 0;                                     // NaN without validation rows
  std::vector<std::pair<std::string, std::string>> options;  // name, value
  // Rows that its statistics were measured anew over after training; 0: they are training's own.
  std::uint64_t recalibrated_rows = 0;
  bool operator==(const TrainingRecord&) const = default;
};

struct Model {
  Network network;
  std::vector<float> parameters;                 // by parameter_slots(network)
  std::vector<double> statistics;                // by statistic_slots(network)
  std::vector<std::uint64_t> statistic_batches;  // per slot: how many batches made the statistics
  StatisticsSource statistics_source = StatisticsSource::population;

  Task task = Task::classify;
  std::vector<std::string> column_names;          // empty: images, columns only counted
  std::vector<Column> column_info;                // parallel to column_names; empty: all are numeric
  TableRules rules;                               // how its tables are read
  std::size_t image_width = 0, image_height = 0;  // of the images it was trained on; 0: of none
  bool images_resized = false;                    // they were brought to this size, so others will be
  std::string target_name;
  std::vector<std::string> classes;  // 2 classes: one output (logistic), else one output a class

  TrainingRecord training;
  std::optional<FoldCertificate> fold_certificate;  // of a folded model
  std::optional<DriftThresholds> drift;             // learned from rows that training held out

  // A few raw input rows and the outputs (logits) they give, re-run whenever a model is loaded.
  std::vector<float> test_inputs;   // [test_rows, network.inputs]
  std::vector<float> test_outputs;  // [test_rows, outputs]
};

// Raw outputs of the last layer for rows of raw inputs: [rows, outputs], row-major.
//   inputs: [rows, model.network.inputs], row-major. threads 0: all cores.
std::vector<float> outputs(const Model& model, const std::vector<float>& inputs, std::size_t threads = 0);

// A model made ready to be used again and again: weights packed, threads waiting. One thread at a time.
class Predictor {
 public:
  // largest_batch: the most rows of one call. threads 0: as many cores as there is work for. Keeps
  // nothing of the model's memory.
  explicit Predictor(const Model& model, std::size_t largest_batch = 1, std::size_t threads = 0);
  ~Predictor();
  Predictor(Predictor&&) noexcept;

  // Raw outputs of the last layer: outputs [rows, outputs] from raw inputs [rows, inputs], row-major.
  // A row's outputs have the same bits alone and in any company. Throws Error(data) where the sizes
  // are not those of whole rows, at most largest_batch.
  void run(std::span<const float> inputs, std::span<float> outputs);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// The model cut after its first `layers` layers, whose outputs are then what leaves them; no test rows.
// Throws Error(data) where it has not as many.
Model first_layers(const Model& model, std::size_t layers);

// The model with population statistics of every BatchNorm measured anew over these rows, which may be
// unlabelled and count by their weights; Standardise and Encode stay as they are. Throws Error(data) for
// fewer than 2 rows or columns that do not fit, Error(diverged) for NaN or infinity on the way.
// threads 0: all cores; the result does not depend on it.
Model with_population_statistics(const Model& model, const Dataset& data, std::size_t threads = 0);

// Of one number a channel: the median, the most, and the channel that has it.
struct ChannelRange {
  double median = 0, most = 0;
  std::size_t channel = 0;
};

// How far a BatchNorm layer's statistics are from those that they take the place of.
struct StatisticsMove {
  std::size_t layer = 0;  // its index in the network
  std::size_t channels = 0;
  ChannelRange mean;       // |difference of the means| / sqrt(variance + epsilon), the variance of before
  ChannelRange deviation;  // sqrt(variance + epsilon): the larger of before and after over the smaller
};
// By BatchNorm layer, in the order of the network. Throws Error(data) where the networks differ.
std::vector<StatisticsMove> statistics_moves(const Model& before, const Model& after);

struct Predictions {
  std::vector<float> values;         // [rows]: class index, or the value for regression
  std::vector<float> probabilities;  // [rows, classes]; empty for regression
};
// The dataset's columns must be the model's, in the model's order.
Predictions predict(const Model& model, const Dataset& data, std::size_t threads = 0);

constexpr std::size_t kMostConfusedClasses = 4096;

// Above these the area under the curve is not computed.
constexpr std::size_t kMostRankedClasses = 100;

// Of the rows of a class, how many were found; of the answers that name it, how many were right.
// Empty where there are none.
struct ClassScores {
  std::optional<double> recall, precision;
};

// Rows count by their weights, in all but `rows` and `confusion`.
struct Scores {
  std::size_t rows = 0;
  double loss = 0;      // mean cross-entropy in nats (the log loss), or mean squared error
  double accuracy = 0;  // classify
  // The mean recall of the classes that occur.
  std::optional<double> balanced_accuracy;
  // Area under the ROC curve, exact, ties counting half: of 2 classes, or the mean over each class that
  // occurs against all others. Empty where only one class occurs.
  std::optional<double> auc;
  std::vector<ClassScores> by_class;
  double rmse = 0, mae = 0;              // regress
  std::optional<double> r2;              // regress; empty where all targets are the same
  std::vector<std::uint64_t> confusion;  // [true class, predicted class]; empty above kMostConfusedClasses
};

struct Metric {
  std::string name;  // "balanced_accuracy", as JSON and docs/metrics.md have it
  double value = 0;
};
// The metrics of this task that these scores have, in their order.
std::vector<Metric> metrics_of(Task task, const Scores& scores);

// Requires data.targets. Throws Error(data) where data and model do not fit.
Scores evaluate(const Model& model, const Dataset& data, std::size_t threads = 0);

// As training sees them: the rows in their order, in batches of nearly `batch` rows (at least 2), every
// BatchNorm with the statistics of the batch.
Scores evaluate_in_batches(const Model& model, const Dataset& data, std::size_t batch,
                           std::size_t threads = 0);

// The model file (a safetensors file; see docs/model-file.md). save replaces `path` atomically.
void save(const Model& model, const std::string& path);
Model load(const std::string& path);

}  // namespace ztilde
