// The description of a network: plain data, no memory, no numbers yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ztilde {

enum class Encoding {
  numeric,    // the number as it is, or through a fitted map to a normal distribution (knots)
  one_hot,    // 1 for the row's category, 0 for the others
  embedding,  // the category's row of a trained table [categories + 1, width]
};

// What becomes of a missing number, which is NaN in the data.
enum class MissingValue {
  none,       // refused
  mean,       // the training rows' mean
  indicator,  // the mean, and one more feature: 1 where it was missing, else 0
};

// What an Encode layer makes of one raw column. A category is its index as a float: 0 … categories − 1,
// and `categories` for one that is not among them, which has a slot of its own.
struct EncodedColumn {
  Encoding kind = Encoding::numeric;
  std::size_t categories = 0;                 // one_hot, embedding
  std::size_t width = 0;                      // embedding
  MissingValue missing = MissingValue::none;  // numeric
  std::size_t knots = 0;                      // numeric: of the map through quantiles; 0: none
  bool operator==(const EncodedColumn&) const = default;
};

// Raw table columns to features, in this order: a value for each numeric column, their missing
// indicators, then categories + 1 for each one-hot column, then width for each embedding. Only as the
// first layer. What it takes from the training rows is fixed before training (encoding_slots).
struct Encode {
  std::vector<EncodedColumn> columns;  // one for each input of the network
  bool operator==(const Encode&) const = default;
};

// Subtracts each input column's mean and divides by its standard deviation, both fixed before
// training and part of the model. Only as the first layer or directly after Encode, where it leaves
// everything but the numbers as it is. A constant column becomes 0.
struct Standardise {
  bool operator==(const Standardise&) const = default;
};

// z = x Wᵀ + b.  x: [rows, inputs];  W ("weight"): [outputs, inputs];  b ("bias"): [outputs].
struct Dense {
  std::size_t outputs = 0;
  bool bias = true;
  bool operator==(const Dense&) const = default;
};

enum class VarianceKind {
  population,  // divides by rows
  unbiased,    // divides by rows - 1 (what PyTorch keeps in running_var)
};

// z_tilde = gamma (z - mean) / sqrt(variance + epsilon) + beta per channel; gamma is called
// "weight" and beta "bias" in files. running = keep * running + (1 - keep) * batch.
// Ioffe & Szegedy 2015, arXiv:1502.03167.
struct BatchNorm {
  double epsilon = 1e-5;
  double keep = 0.9;
  VarianceKind running_variance = VarianceKind::population;
  bool operator==(const BatchNorm&) const = default;
};

enum class ActivationKind { identity, relu, leaky_relu, sigmoid, tanh, silu, gelu };

// a = g(z). leaky_relu's slope is 0.01; gelu is the exact one, z Φ(z).
struct Activation {
  ActivationKind kind = ActivationKind::relu;
  bool operator==(const Activation&) const = default;
};

// In training each element is 0 with this probability, else divided by 1 - probability.
struct Dropout {
  double probability = 0.5;
  bool operator==(const Dropout&) const = default;
};

using Layer = std::variant<Encode, Standardise, Dense, BatchNorm, Activation, Dropout>;

struct Network {
  std::size_t inputs = 0;
  std::vector<Layer> layers;
  bool operator==(const Network&) const = default;
};

enum class NormPlace { before, after };  // the activation

// The networks that the options of `ztilde train` describe. A Dense that a BatchNorm directly follows
// has no bias. Throws Error(data) as validate does.
struct DenseNetworkOptions {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  std::optional<Encode> encode = {};             // the first layer; its columns are the inputs
  std::vector<std::size_t> hidden = {256, 256};  // empty: logistic or linear regression
  ActivationKind activation = ActivationKind::relu;
  bool batch_norm = true;
  NormPlace norm_place = NormPlace::before;
  double epsilon = 1e-5;
  double keep = 0.9;
  bool standardise = true;
  double dropout = 0;  // at the end of each hidden block
};
Network dense_network(const DenseNetworkOptions& options);

// Throws Error(data) that names the layer when the network cannot work.
void validate(const Network& network);

// The channels that leave each layer; the last entry is the network's output width.
std::vector<std::size_t> layer_outputs(const Network& network);

// A trained tensor of the network and where it lies in the parameter arena.
struct ParameterSlot {
  std::size_t layer = 0;
  std::string_view name;          // "weight" or "bias", as torch.nn.Sequential has them
  std::size_t rows = 0;           // outputs of a Dense weight, categories + 1 of a table, else the channels
  std::size_t columns = 0;        // inputs of a Dense weight, width of a table, else 1
  std::size_t offset = 0;         // first element in the arena
  bool is_weight_matrix = false;  // the tensors that weight decay applies to by default
  std::optional<std::size_t> column = {};  // of an Encode layer's table: the input column it is for
  std::size_t size() const { return rows * columns; }
};

// In the order of the layers; offsets are multiples of 16 elements, gaps hold zeros.
std::vector<ParameterSlot> parameter_slots(const Network& network);
std::size_t parameter_arena_size(const Network& network);  // elements, gaps included
std::size_t parameter_count(const Network& network);       // trained numbers, gaps excluded

// The mean and the variance of one Standardise or BatchNorm layer in the statistics arena:
// channels means at offset, then channels variances.
struct StatisticSlot {
  std::size_t layer = 0;
  std::size_t channels = 0;
  std::size_t offset = 0;
};
std::vector<StatisticSlot> statistic_slots(const Network& network);
std::size_t statistic_arena_size(const Network& network);  // encoding slots included

// What an Encode layer took from the training rows, at the beginning of the statistics arena.
struct EncodingSlot {
  std::size_t column = 0;
  // "fill": what a missing number becomes. "knots" and "values": the map's ascending points and what
  // they become. "frequency": the share of rows of each category, the last for those not among them.
  std::string_view name;
  std::size_t size = 0;
  std::size_t offset = 0;
};
std::vector<EncodingSlot> encoding_slots(const Network& network);

// The network as JSON, as `inspect --network` prints it and `train --net` reads it.
std::string to_json(const Network& network);
Network network_from_json(std::string_view json, std::string_view file_name);

std::string_view to_string(ActivationKind kind);
// Throws Error(data) naming the nearest known one.
ActivationKind activation_from_string(std::string_view name);

}  // namespace ztilde
