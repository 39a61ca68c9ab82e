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

// What a row of a batch is at some place of a network: an image, channels last, element
// (y · width + x) · channels + c, or, with one pixel, the numbers of a table's row.
struct Shape {
  std::size_t height = 1, width = 1, channels = 0;
  std::size_t pixels() const { return height * width; }
  std::size_t size() const { return pixels() * channels; }
  bool operator==(const Shape&) const = default;
};

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
// training and part of the model; of images each channel's, over all pixels. Only as the first layer or
// directly after Encode, where it leaves everything but the numbers as it is. A constant column becomes 0.
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

// z_tilde = gamma (z - mean) / sqrt(variance + epsilon) + beta per channel, of images over all their
// pixels (m = rows · height · width); gamma is called
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

// z = x ∗ W + b over images.  x: [rows, height, width, inputs];  z: [rows, height', width', outputs],
// height' = (height + 2 padding − kernel) / stride + 1, rounded down;  W ("weight"): [outputs, inputs,
// kernel, kernel], of a depthwise one [outputs, 1, kernel, kernel], outputs = inputs;  b ("bias"): [outputs].
// Padding is 0, as torch.nn.Conv2d's.
struct Conv2d {
  std::size_t outputs = 0;
  std::size_t kernel = 3, stride = 1, padding = 1;
  bool depthwise = false;  // each channel by itself
  bool bias = true;
  bool operator==(const Conv2d&) const = default;
};

// The largest, or the mean, of kernel × kernel pixels, every stride pixels; what does not fill a window at
// the right and the bottom is left out.
struct MaxPool {
  std::size_t kernel = 2, stride = 2;
  bool operator==(const MaxPool&) const = default;
};
struct AveragePool {
  std::size_t kernel = 2, stride = 2;
  bool operator==(const AveragePool&) const = default;
};

// The mean of all pixels: [rows, height, width, channels] to [rows, channels].
struct GlobalAveragePool {
  bool operator==(const GlobalAveragePool&) const = default;
};

// [rows, height, width, channels] to [rows, height · width · channels], as the numbers lie.
struct Flatten {
  bool operator==(const Flatten&) const = default;
};

// x + the output of the layer `back` places before this one, which has the same shape: a residual
// connection. He et al. 2016, arXiv:1512.03385.
struct Add {
  std::size_t back = 2;
  bool operator==(const Add&) const = default;
};

// Goes on from the output of the layer `back` places before this one, not from the one before: the
// beginning of another branch, which an Add brings together with that which ended here.
struct Shortcut {
  std::size_t back = 2;
  bool operator==(const Shortcut&) const = default;
};

using Layer = std::variant<Encode, Standardise, Dense, BatchNorm, Activation, Dropout, Conv2d, MaxPool,
                           AveragePool, GlobalAveragePool, Flatten, Add, Shortcut>;

struct Network {
  std::size_t inputs = 0;  // columns, or height · width · channels of an image
  std::vector<Layer> layers;
  std::size_t height = 1, width = 1;  // of an input image
  Shape input_shape() const { return {height, width, inputs / (height * width)}; }
  bool operator==(const Network&) const = default;
};

// Whether one of its layers is of this kind: has_layer<BatchNorm>(network).
template <class Kind>
bool has_layer(const Network& network) {
  for (const Layer& layer : network.layers) {
    if (std::holds_alternative<Kind>(layer)) return true;
  }
  return false;
}

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

// What leaves each layer.
std::vector<Shape> layer_shapes(const Network& network);
// The layer whose output a layer works on; empty: the network's input. The one before, but for Shortcut.
std::optional<std::size_t> layer_source(const Network& network, std::size_t layer);
// The numbers of a row that leave each layer; the last entry is the network's output width.
std::vector<std::size_t> layer_outputs(const Network& network);

// A trained tensor of the network and where it lies in the parameter arena.
struct ParameterSlot {
  std::size_t layer = 0;
  std::string_view name;          // "weight" or "bias", as torch.nn.Sequential has them
  std::size_t rows = 0;           // outputs of a weight, categories + 1 of a table, else the channels
  std::size_t columns = 0;        // numbers that an output sums up, width of a table, else 1
  std::size_t offset = 0;         // first element in the arena
  bool is_weight_matrix = false;  // the tensors that weight decay applies to by default
  std::optional<std::size_t> column = {};  // of an Encode layer's table: the input column it is for
  std::size_t kernel = 0;  // of a Conv2d weight, whose columns are [inputs, kernel, kernel]; else 0
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

// The network as JSON, as `inspect --network` prints it and `train --net` reads it. Both readers throw
// Error(data) that begins with the file's name, also for what validate refuses.
std::string to_json(const Network& network);
Network network_from_json(std::string_view json, std::string_view file_name);

// What the file of a network may leave to the data it is for.
struct NetworkGaps {
  Shape input;                        // of a row: an image, or {1, 1, columns} of a table
  std::size_t outputs = 0;            // that the task needs
  std::size_t more_outputs = 0;       // that it can use as well where the file says so; 0: none
  std::optional<Encode> encode = {};  // the first layer where the file gives neither "inputs" nor an encode
  std::optional<std::size_t> depth = {};  // what {"repeat": "depth"} stands for
};

// The network for these data from a file that is complete, or leaves out "inputs", "height" and "width" and
// the "outputs" of its last Dense. Among its layers {"repeat": N, "layers": […]} stands for those layers N
// times, N a whole number or "depth". Messages count layers with all repetitions written out. Refuses what
// contradicts the data.
Network network_from_template(std::string_view json, std::string_view file_name, const NetworkGaps& gaps);

std::string_view to_string(ActivationKind kind);
// Throws Error(data) naming the nearest known one.
ActivationKind activation_from_string(std::string_view name);

}  // namespace ztilde
