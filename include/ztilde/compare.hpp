// Two models side by side: conventions, parameters, statistics and outputs, worst first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

// Something that is not a number of the network: "epsilon" of a layer, a class, an option of training.
struct ConventionDifference {
  std::string what;                  // "epsilon", "class 1", "training: seed"
  std::optional<std::size_t> layer;  // of a
  std::string a, b;
  std::string meaning;     // what it does, "" where that is plain
  bool in_record = false;  // of how the model was trained and nothing that it answers by
};

// How layers of b were found for those of a.
enum class Alignment {
  same,         // all, in their order
  b_is_folded,  // b has the layers that a has folded: compared with a folded
  a_is_folded,  // the other way round
  front,        // as many as are alike from the front
};

// Of a tensor that both models have. Numbers are compared as both models have them, where one of them is
// folded as folding gives them.
struct TensorDifference {
  std::string name;                      // "2.weight", as model files have it, by a's layer
  std::size_t layer_a = 0, layer_b = 0;  // in the models that were compared
  std::string layer;                     // "batch norm"
  std::string tensor;                    // "gamma": what the layer calls it
  std::size_t size = 0;
  double largest = 0;               // the largest |a − b|
  double rms = 0;                   // of a's numbers
  double relative = 0;              // largest / rms; infinity where a's are all 0
  double equal_share = 1;           // of its numbers, bit for bit
  std::size_t row = 0, column = 0;  // where the largest is
  double a = 0, b = 0;              // and both numbers there
};

struct StatisticsDifference {
  StatisticsMove move;  // from a to b
  std::size_t layer_b = 0;
  std::string layer;
  double equal_share = 1;  // of means and variances, bit for bit
  double worst() const;    // the larger of move.mean.most and move.deviation.most − 1
};

struct LayerOutputDifference {
  std::size_t layer_a = 0, layer_b = 0;
  double largest = 0, relative = 0;  // relative: to the largest number that a's layer gives
};

// b's value of a score minus a's, row by row over the same rows.
struct PairedScore {
  double a = 0, b = 0;
  double difference = 0, standard_error = 0;  // b − a; 0 for a single row
};

struct OutputDifference {
  std::size_t rows = 0;
  bool given = false;                       // rows of the data; else both models' test rows
  double largest = 0, mean = 0;             // |b − a| of an output
  double largest_output = 0, relative = 0;  // of a; largest / largest_output
  double equal_share = 1;                   // of the outputs, bit for bit
  std::uint64_t argmax_changes = 0;
  std::vector<std::size_t> changed_rows;      // the first of them, counted from 0
  std::optional<PairedScore> loss, accuracy;  // where the rows have targets; accuracy of classes
  // In double, on the first of these rows: the first layer whose output differs and the one where it
  // differs most, relatively.
  std::size_t layer_rows = 0;
  std::optional<LayerOutputDifference> first_layer, worst_layer;
  std::vector<std::string> notes;  // how rows and outputs were brought together
};

struct ModelComparison {
  bool identical = false;   // everything that a file has, bit for bit
  bool same_model = false;  // the same but for what is in the record of its training
  Alignment alignment = Alignment::same;
  std::size_t aligned_layers = 0;
  std::string alignment_words;
  std::vector<ConventionDifference> conventions;
  std::vector<TensorDifference> tensors;         // that differ, worst first
  std::size_t equal_tensors = 0;                 // beside them
  std::vector<StatisticsDifference> statistics;  // that differ, worst first
  std::size_t equal_statistics = 0;
  std::optional<OutputDifference> outputs;
  std::string no_outputs;  // why there is none
  std::string headline;    // the worst difference in one line
};

struct CompareOptions {
  std::size_t layer_rows = 64;  // to look for the first layer on, at most
  std::size_t threads = 0;      // 0: all cores; the result does not depend on it
};

// data: rows in a's columns, with or without a target; none: the test rows of both models. b is given the
// same rows, columns by name. Throws Error(data) for rows that are not a's.
ModelComparison compare(const Model& a, const Model& b, const Dataset& data = {},
                        const CompareOptions& options = {});

}  // namespace ztilde
