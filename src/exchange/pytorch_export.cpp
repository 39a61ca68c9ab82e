// A model as a state dict of torch.nn.Sequential.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <list>
#include <variant>

#include "exchange/torch_modules.hpp"
#include "model/model_file.hpp"
#include "model/safetensors.hpp"
#include "ztilde/error.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde {
namespace {

using safetensors::Dtype;
using safetensors::Tensor;

// A tensor of F64 as one of F32, whose bytes lie in `kept`. Throws where float has no such numbers.
void round_to_float(Tensor& tensor, std::list<std::string>& kept) {
  const std::size_t count = tensor.bytes.size() / sizeof(double);
  std::string& bytes = kept.emplace_back(count * sizeof(float), '\0');
  const bool variance = tensor.name.ends_with("running_var");
  for (std::size_t i = 0; i < count; ++i) {
    double exact = 0;
    std::memcpy(&exact, tensor.bytes.data() + i * sizeof(exact), sizeof(exact));
    const auto rounded = static_cast<float>(exact);
    if (!std::isfinite(rounded) || (variance && rounded == 0 && exact > 0)) {
      throw Error(ErrorKind::data, fmt::format("tensor {}: {} is {} in float; export with --double",
                                               tensor.name, exact, rounded));
    }
    std::memcpy(bytes.data() + i * sizeof(rounded), &rounded, sizeof(rounded));
  }
  tensor.dtype = Dtype::f32;
  tensor.bytes = bytes;
}

Model with_rounded_statistics(Model model) {
  for (double& number : model.statistics) number = static_cast<float>(number);
  return model;
}

std::optional<double> rounding_difference(const Model& model, std::size_t threads) {
  if (model.test_inputs.empty()) return std::nullopt;
  const std::vector<float> exact = outputs(model, model.test_inputs, threads);
  const std::vector<float> rounded = outputs(with_rounded_statistics(model), model.test_inputs, threads);
  double largest = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double difference = std::abs(static_cast<double>(exact[i]) - rounded[i]);
    // A NaN is worse than any number.
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

std::string inputs_note(const Network& network) {
  std::string text = std::holds_alternative<Standardise>(network.layers.front())
                         ? "raw rows: module 0 standardises them, a BatchNorm with eps=0 and affine=False"
                         : "no standardisation: rows as the model takes them";
  if (network.height * network.width > 1)
    text += fmt::format("; images [rows, {}, {}, {}], channels first", network.input_shape().channels,
                        network.height, network.width);
  return text;
}

std::string outputs_note(const Model& model) {
  if (model.task == Task::regress) return "the value, in the target's own units";
  if (layer_outputs(model.network).back() == 1)
    return "one logit, of the second class; sigmoid makes a probability";
  return "a logit for each class, in the classes' order; softmax makes probabilities";
}

void add_norm_notes(const Model& model, PytorchExport& result) {
  if (!has_layer<BatchNorm>(model.network)) return;
  const bool population = model.statistics_source == StatisticsSource::population;
  result.notes.emplace_back(
      "statistics",
      fmt::format("{}, as the model normalises with them: eval() gives its outputs, no N/(N - 1) is "
                  "applied",
                  population ? "of the population" : "running"));
  const auto counts_population = [](const Layer& layer) {
    const auto* norm = std::get_if<BatchNorm>(&layer);
    return norm != nullptr && norm->running_variance == VarianceKind::population;
  };
  if (std::ranges::any_of(model.network.layers, counts_population)) {
    result.notes.emplace_back("variance",
                              "PyTorch's own updates are of the unbiased variance: training on there "
                              "averages the two kinds");
  }
}

}  // namespace

PytorchExport export_pytorch(const Model& model, const PytorchExportOptions& options) {
  PytorchExport result;
  const exchange::TorchSource source = exchange::torch_source(model.network);
  const std::string own = model_file::to_bytes(model, "the model");
  safetensors::File file = safetensors::read(own, "the model");
  // For whom the checksum is: readers of model files.
  file.metadata.erase("checksum");
  file.metadata["format"] = "pt";
  std::list<std::string> kept;
  if (!options.double_statistics) {
    for (Tensor& tensor : file.tensors) {
      if (tensor.dtype == Dtype::f64) round_to_float(tensor, kept);
    }
    result.largest_difference = rounding_difference(model, options.threads);
  }
  result.state_dict = safetensors::write(file);
  result.modules = source.skips ? "Layers(\n" : "nn.Sequential(\n";
  for (std::size_t i = 0; i < source.modules.size(); ++i)
    result.modules += fmt::format("    {},  # {}\n", source.modules[i], i);
  result.modules += ")\n";
  result.notes.emplace_back("inputs", inputs_note(model.network));
  result.notes.emplace_back("outputs", outputs_note(model));
  add_norm_notes(model, result);
  if (options.double_statistics)
    result.notes.emplace_back("types", "statistics are F64: load them into a module that is .double()");
  return result;
}

}  // namespace ztilde
