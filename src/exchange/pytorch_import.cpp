// A state dict and a network become a model, with PyTorch's conventions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <variant>

#include "base/text.hpp"
#include "exchange/network_of_tensors.hpp"
#include "layers/layer.hpp"
#include "model/flattened.hpp"
#include "model/fold_rows.hpp"
#include "model/model_check.hpp"
#include "model/model_metadata.hpp"
#include "ztilde/error.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde {
namespace {

using exchange::MatchedNetwork;
using exchange::StateDict;
using exchange::TorchModule;
using safetensors::Tensor;

constexpr std::size_t kTestRows = 4;

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorKind::data, what); }

using Notes = std::vector<std::pair<std::string, std::string>>;

// The layers whose bias is not as the network says, in words: "layers 1, 4".
std::string layers_text(const std::vector<std::size_t>& layers) {
  return fmt::format("{} {}", layers.size() == 1 ? "layer" : "layers", fmt::join(layers, ", "));
}

// Gives layers the biases that their modules have.
void adopt_biases(MatchedNetwork& made, Notes& notes) {
  std::vector<std::size_t> added, removed;
  for (std::size_t i = 0; i < made.network.layers.size(); ++i) {
    const TorchModule* module = made.matching.by_layer[i];
    if (module == nullptr) continue;
    const auto adopt = [&](bool& bias) {
      const bool there = module->bias != nullptr;
      if (bias != there) (there ? added : removed).push_back(i);
      bias = there;
    };
    if (auto* dense = std::get_if<Dense>(&made.network.layers[i])) adopt(dense->bias);
    if (auto* conv = std::get_if<Conv2d>(&made.network.layers[i])) adopt(conv->bias);
  }
  if (!added.empty()) {
    notes.emplace_back("biases",
                       fmt::format("added to {}, as in the module: training goes on as PyTorch's would",
                                   layers_text(added)));
  }
  if (!removed.empty())
    notes.emplace_back("biases", fmt::format("taken from {}, as the module has none", layers_text(removed)));
}

void adopt_conventions(const PytorchImportOptions& options, bool keep_kind, Network& network, Notes& notes) {
  std::set<std::pair<double, double>> told;
  for (Layer& layer : network.layers) {
    auto* norm = std::get_if<BatchNorm>(&layer);
    if (norm == nullptr) continue;
    if (options.epsilon) norm->epsilon = *options.epsilon;
    if (options.momentum) norm->keep = 1 - *options.momentum;
    if (!keep_kind) norm->running_variance = VarianceKind::unbiased;
    if (!told.emplace(norm->epsilon, norm->keep).second) continue;
    notes.emplace_back(
        "batch norm",
        fmt::format("epsilon {}, momentum {:.12g} (keep {:.12g}), running variance {}", norm->epsilon,
                    1 - norm->keep, norm->keep,
                    norm->running_variance == VarianceKind::unbiased ? "unbiased, as PyTorch updates it"
                                                                     : "of the population"));
  }
}

// The numbers that a Standardise layer in front subtracts and divides by.
struct InputStatistics {
  std::vector<double> mean, deviation;
};

std::vector<double> for_channels(const std::vector<double>& numbers, std::size_t channels,
                                 const char* option) {
  if (numbers.size() == 1) return std::vector<double>(channels, numbers[0]);
  if (numbers.size() == channels) return numbers;
  refuse(fmt::format("{}: {} for {}; give one for all or one for each", option,
                     counted(numbers.size(), "number"), counted(channels, "input channel")));
}

InputStatistics input_statistics(const InputScaling& scaling, std::size_t channels) {
  InputStatistics statistics{for_channels(scaling.mean, channels, "--input-mean"),
                             for_channels(scaling.deviation, channels, "--input-std")};
  for (double& mean : statistics.mean) mean *= scaling.scale;
  for (double& deviation : statistics.deviation) deviation *= scaling.scale;
  return statistics;
}

// Puts a Standardise layer in front, or takes out one that nothing is known for.
void settle_input_layer(const PytorchImportOptions& options, MatchedNetwork& made, Notes& notes) {
  std::vector<Layer>& layers = made.network.layers;
  std::vector<const TorchModule*>& modules = made.matching.by_layer;
  const bool there = std::holds_alternative<Standardise>(layers.front());
  const bool measured = there && modules.front() != nullptr;
  if (measured && options.input_scaling) {
    refuse(
        fmt::format("--input-mean: {} has the statistics of the standardise layer; leave --input-scale, "
                    "--input-mean and --input-std out",
                    printable(modules.front()->prefix)));
  }
  if (options.input_scaling && !there) {
    layers.insert(layers.begin(), Standardise{});
    modules.insert(modules.begin(), nullptr);
    notes.emplace_back("inputs",
                       "raw rows: a standardise layer was put in front, so layers count one more than in "
                       "the network given");
  } else if (options.input_scaling) {
    notes.emplace_back("inputs", "raw rows: the standardise layer has the numbers given");
  } else if (there && !measured) {
    layers.erase(layers.begin());
    modules.erase(modules.begin());
    notes.emplace_back("inputs",
                       "no standardisation: the rows must be what the module was trained on (the network's "
                       "standardise layer was taken out, as the file has no statistics for it)");
  } else if (!there) {
    notes.emplace_back("inputs", "no standardisation: the rows must be what the module was trained on");
  }
}

// Into `to`, as many as there are.
template <class Number>
void fill(const StateDict& dict, const Tensor& tensor, std::size_t size, Number* to) {
  constexpr bool as_float = std::is_same_v<Number, float>;
  const std::vector<double> numbers = exchange::numbers_of(dict, tensor, as_float);
  if (numbers.size() != size) {
    exchange::refuse_tensor(dict, tensor,
                            fmt::format("{} where {} is needed", exchange::shape_text(tensor.shape),
                                        exchange::shape_text({size})));
  }
  std::transform(numbers.begin(), numbers.end(), to,
                 [](double number) { return static_cast<Number>(number); });
}

std::uint64_t batches_of(const StateDict& dict, const TorchModule& module) {
  if (!module.batches) return 0;  // PyTorch before 0.4.1 did not count them
  const Tensor& tensor = *module.batches;
  std::int64_t count = -1;
  if (tensor.dtype == safetensors::Dtype::i64 && tensor.bytes.size() == sizeof(count))
    std::memcpy(&count, tensor.bytes.data(), sizeof(count));
  if (count < 0) exchange::refuse_tensor(dict, tensor, "one I64 from 0 is needed here, a count of batches");
  return static_cast<std::uint64_t>(count);
}

void fill_parameters(const StateDict& dict, const MatchedNetwork& made, Model& model) {
  model.parameters.assign(parameter_arena_size(model.network), 0.0f);
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    const TorchModule& module = *made.matching.by_layer[slot.layer];
    const Tensor* tensor = slot.name == "weight" ? module.weight : module.bias;
    float* to = model.parameters.data() + slot.offset;
    if (tensor) {
      fill(dict, *tensor, slot.size(), to);
    } else {  // of a BatchNorm with affine=False
      std::fill_n(to, slot.size(), slot.name == "weight" ? 1.0f : 0.0f);
    }
  }
}

void fill_statistics(const StateDict& dict, const MatchedNetwork& made, const PytorchImportOptions& options,
                     Model& model) {
  model.statistics.assign(statistic_arena_size(model.network), 0.0);
  for (const StatisticSlot& slot : statistic_slots(model.network)) {
    double* mean = model.statistics.data() + slot.offset;
    double* variance = mean + slot.channels;
    const TorchModule* module = made.matching.by_layer[slot.layer];
    if (module == nullptr) {
      const InputStatistics inputs = input_statistics(*options.input_scaling, slot.channels);
      for (std::size_t c = 0; c < slot.channels; ++c) {
        mean[c] = inputs.mean[c];
        variance[c] = inputs.deviation[c] * inputs.deviation[c];
      }
      model.statistic_batches.push_back(1);
      continue;
    }
    fill(dict, *module->mean, slot.channels, mean);
    fill(dict, *module->variance, slot.channels, variance);
    const double* negative = std::find_if(variance, variance + slot.channels, [](double v) { return v < 0; });
    if (negative != variance + slot.channels) {
      exchange::refuse_tensor(
          dict, *module->variance,
          fmt::format("{} at [{}]; a variance is never negative", *negative, negative - variance));
    }
    model.statistic_batches.push_back(batches_of(dict, *module));
  }
}

void tell_types(const StateDict& dict, Notes& notes) {
  using safetensors::Dtype;
  std::size_t doubles = 0, halves = 0;
  for (const Tensor& tensor : dict.file.tensors) {
    const bool statistic = tensor.name.ends_with("running_mean") || tensor.name.ends_with("running_var");
    doubles += tensor.dtype == Dtype::f64 && !statistic;
    halves += tensor.dtype == Dtype::f16 || tensor.dtype == Dtype::bf16;
  }
  if (doubles > 0)
    notes.emplace_back("types", fmt::format("{} of F64 rounded to float, once", counted(doubles, "tensor")));
  if (halves > 0)
    notes.emplace_back("types",
                       fmt::format("{} of F16 or BF16 widened to float, exactly", counted(halves, "tensor")));
}

void tell_modules(const StateDict& dict, const MatchedNetwork& made, const PytorchImportOptions& options,
                  PytorchImport& result) {
  std::size_t plain = 0, uncounted = 0;
  for (std::size_t i = 0; i < made.network.layers.size(); ++i) {
    const TorchModule* module = made.matching.by_layer[i];
    if (module == nullptr) continue;
    result.layers.emplace_back(module->prefix, i);
    if (!std::holds_alternative<BatchNorm>(made.network.layers[i])) continue;
    plain += module->weight == nullptr;
    uncounted += module->batches == nullptr;
  }
  if (plain > 0) {
    result.notes.emplace_back(
        "batch norm", fmt::format("{} without weight and bias (affine=False): gamma is 1 and beta 0, and "
                                  "training would change them",
                                  counted(plain, "module")));
  }
  if (uncounted > 0)
    result.notes.emplace_back("batch norm", fmt::format("{} without num_batches_tracked, taken as 0",
                                                        counted(uncounted, "module")));
  std::size_t left_out = 0;
  for (const auto& [prefix, layer] : options.layers) left_out += !layer;
  if (left_out > 0)
    result.notes.emplace_back("left out", fmt::format("{}, as --map says", counted(left_out, "module")));
  tell_types(dict, result.notes);
}

void set_classes(std::size_t outputs, const PytorchImportOptions& options, Model& model, Notes& notes) {
  const bool assumed = !options.task && options.classes.empty();
  model.task =
      options.task.value_or(outputs == 1 && options.classes.empty() ? Task::regress : Task::classify);
  if (model.task == Task::regress) {
    if (!options.classes.empty())
      refuse("--classes: given with --task regress, which has none; leave one of them out");
    if (outputs != 1) {
      refuse(fmt::format("--task: a regression has 1 output, and the network has {}; leave regress out",
                         outputs));
    }
    notes.emplace_back("task",
                       assumed ? "regress, because there is 1 output; --task classify makes it the logit of "
                                 "the second of two classes"
                               : "regress");
    return;
  }
  model.classes = options.classes;
  const std::size_t needed = outputs == 1 ? 2 : outputs;
  for (std::size_t c = 0; model.classes.size() < needed && options.classes.empty(); ++c)
    model.classes.push_back(std::to_string(c));
  if (model.classes.size() != needed) {
    refuse(fmt::format("--classes: {} for {}, which {} {}; name each class once, in the outputs' order",
                       counted(model.classes.size(), "name"), counted(outputs, "output"),
                       outputs == 1 ? "is" : "are", counted(needed, "class")));
  }
  notes.emplace_back(
      "task", fmt::format("classify; the outputs are logits, not probabilities{}",
                          options.classes.empty()
                              ? fmt::format("; classes are called 0 to {}, --classes names them", needed - 1)
                              : ""));
}

void set_columns(const PytorchImportOptions& options, Model& model, Notes& notes) {
  const Network& network = model.network;
  const bool images = network.height * network.width > 1;
  model.column_names = options.column_names;
  if (images) {
    if (!options.column_names.empty()) refuse("--columns: given for images, which have none; leave it out");
    model.image_height = network.height;
    model.image_width = network.width;
    notes.emplace_back(
        "images", fmt::format("{} × {} pixels of {}, channels last in ztilde", network.height, network.width,
                              counted(network.input_shape().channels, "channel")));
    return;
  }
  if (model.column_names.empty()) {
    notes.emplace_back("columns",
                       fmt::format("{}, without names: those of a table in its order; --columns names them",
                                   network.inputs));
  } else if (model.column_names.size() != network.inputs) {
    refuse(fmt::format("--columns: {} for {}; name each column once, in the module's order",
                       counted(model.column_names.size(), "name"), counted(network.inputs, "input")));
  }
}

// What ztilde wrote beside the tensors of a file that is as it was.
std::optional<Model> described_by(const StateDict& dict) {
  if (!exchange::network_text(dict)) return std::nullopt;
  model_file::Metadata metadata = dict.file.metadata;
  metadata["format"] = "ztilde";
  return model_file::from_metadata(metadata, dict.file_name);
}

Model start_of(const StateDict& dict, const PytorchImportOptions& options) {
  std::optional<Model> described = options.network.empty() ? described_by(dict) : std::nullopt;
  if (described) return *std::move(described);
  Model model;
  model.statistics_source = StatisticsSource::running;
  model.training.train_loss = model.training.valid_loss = std::numeric_limits<double>::quiet_NaN();
  return model;
}

void require_no_model(const StateDict& dict) {
  const auto format = dict.file.metadata.find("format");
  if (format == dict.file.metadata.end()) return;
  if (format->second == "ztilde")
    refuse(fmt::format("{}: a ztilde model already; use it as it is", dict.file_name));
  if (format->second == model_file::kCheckpointFormat)
    refuse(
        fmt::format("{}: a ztilde checkpoint; 'ztilde train' goes on from it with --resume", dict.file_name));
}

}  // namespace

PytorchImport import_pytorch(const std::string& path, const PytorchImportOptions& options) {
  const StateDict dict = exchange::read_state_dict(path);
  require_no_model(dict);
  MatchedNetwork made = exchange::network_of_tensors(dict, options);
  if (has_layer<Encode>(made.network))
    refuse(
        fmt::format("{}: the network encodes its columns, for which PyTorch has no module; leave encode out",
                    options.network_name));

  PytorchImport result;
  Model& model = result.model = start_of(dict, options);
  const bool own = !model.network.layers.empty();  // as ztilde wrote it
  adopt_biases(made, result.notes);
  adopt_conventions(options, own, made.network, result.notes);
  settle_input_layer(options, made, result.notes);
  model.network = made.network;
  validate(model.network);
  tell_modules(dict, made, options, result);

  fill_parameters(dict, made, model);
  model.statistic_batches.clear();
  fill_statistics(dict, made, options, model);
  reorder_features(model.network, FeatureOrder::channels_last, model.parameters, model.statistics);
  if (!own || options.task || !options.classes.empty()) {
    model.classes.clear();
    set_classes(layer_outputs(model.network).back(), options, model, result.notes);
  }
  if (!own || !options.column_names.empty()) set_columns(options, model, result.notes);
  if (!own || !options.target_name.empty()) model.target_name = options.target_name;
  if (!own || model.test_inputs.empty()) model.test_inputs = built_in_rows(model, kTestRows, 0);
  model.test_outputs = outputs(model, model.test_inputs, options.threads);
  model_file::check_model(model);
  return result;
}

}  // namespace ztilde
