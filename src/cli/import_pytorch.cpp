// ztilde import --pytorch: a state dict and a network become a model.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/import_formats.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"
#include "cli/network_file.hpp"
#include "layers/json_reading.hpp"
#include "layers/layer.hpp"

namespace ztilde::cli {
namespace {

constexpr double kMostImageSide = 4096;
constexpr double kMostLayer = 100'000;
constexpr std::size_t kLongestPrefix = 60, kTensorIndent = 24;

using Json = nlohmann::ordered_json;

// {"encoder.fc": 3, "auxiliary": null}
void read_map(const std::string& path, PytorchImportOptions& options) {
  const std::string name = shown_path(path);
  const nlohmann::json root = layers::parse_json(read_file(path), name);
  const char* const what =
      "it must be an object of tensors' prefixes and layers, as in {\"fc1\": 0, \"head\": null}";
  if (!root.is_object()) refuse(name, what);
  for (const auto& [prefix, layer] : root.items()) {
    if (layer.is_null()) {
      options.layers[prefix] = std::nullopt;
    } else if (layer.is_number_unsigned() && layer.get<double>() <= kMostLayer) {
      options.layers[prefix] = layer.get<std::size_t>();
    } else {
      refuse(name, fmt::format("'{}' is {}; it must be a layer's number, or null to leave the tensors out",
                               printable(prefix), layers::described(layer)));
    }
  }
}

PytorchImportOptions import_options(const ImportArguments& arguments) {
  const PytorchArguments& given = arguments.of_pytorch;
  PytorchImportOptions options = given.options;
  if (arguments.net.empty() && given.image_size)
    refuse("--image-size", "given without --net, which it completes; leave it out");
  if (!arguments.net.empty()) {
    if (options.activation) refuse("--activation", "does not go with --net, which has its own; leave it out");
    if (options.norm_place == NormPlace::after)
      refuse("--norm-place", "does not go with --net, which has its own; leave it out");
    const NetworkFile file = read_network_file(arguments.net);
    options.network = file.text;
    options.network_name = file.name;
    options.depth = file.depth;
  }
  if (!given.map.empty()) read_map(given.map, options);
  if (given.image_size) {
    options.image_width = given.image_size->width;
    options.image_height = given.image_size->height;
  }
  const RowsAndAnswers& both = arguments.rows_and_answers;
  options.input_scaling = both.input_scaling();
  options.task = both.task;
  options.classes = both.classes;
  options.column_names = both.columns;
  options.target_name = both.target;
  options.threads = arguments.threads;
  return options;
}

constexpr std::size_t kIndent = 12;

std::string line(const std::string& topic, const std::string& text) { return wrapped(topic, kIndent, text); }

// "layer 0 (dense): weight [64, 20], bias [64]"
std::string tensor_words(const Model& model, std::size_t layer) {
  const std::string label = layers::label(model.network, layer);
  std::vector<std::string> tensors;
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    if (slot.layer != layer) continue;
    const std::size_t area = slot.kernel * slot.kernel;
    std::string shape = fmt::format("{}", slot.rows);
    if (slot.is_weight_matrix) shape += fmt::format(", {}", area > 0 ? slot.columns / area : slot.columns);
    if (area > 0) shape += fmt::format(", {}, {}", slot.kernel, slot.kernel);
    tensors.push_back(fmt::format("{} [{}]", slot.name, shape));
  }
  const std::vector<StatisticSlot> slots = statistic_slots(model.network);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].layer == layer)
      tensors.push_back(fmt::format("statistics of {}", counted(model.statistic_batches[i], "batch")));
  }
  return fmt::format("{}: {}", label, fmt::join(tensors, ", "));
}

std::string words(const PytorchImport& imported) {
  const Model& model = imported.model;
  std::string text = line("network", fmt::format("{}, {}, {}, {}", counted(model.network.inputs, "input"),
                                                 counted(model.network.layers.size(), "layer"),
                                                 counted(layer_outputs(model.network).back(), "output"),
                                                 counted(parameter_count(model.network), "parameter")));
  text += "\n";
  for (const auto& [prefix, layer] : imported.layers)
    text += wrapped("  " + printable(prefix, kLongestPrefix), kTensorIndent, tensor_words(model, layer));
  text += "\n";
  for (const auto& [topic, sentence] : imported.notes) text += line(topic, sentence);
  return text;
}

std::string json(const PytorchImport& imported) {
  const Model& model = imported.model;
  Json of_layers = Json::object(), notes = Json::array();
  for (const auto& [prefix, layer] : imported.layers) of_layers[prefix] = layer;
  for (const auto& [topic, sentence] : imported.notes)
    notes.push_back({{"topic", topic}, {"note", sentence}});
  return json_line({{"inputs", model.network.inputs},
                    {"outputs", layer_outputs(model.network).back()},
                    {"parameters", parameter_count(model.network)},
                    {"task", model.task == Task::regress ? "regress" : "classify"},
                    {"classes", model.classes},
                    {"layers", of_layers},
                    {"notes", notes},
                    {"network", Json::parse(to_json(model.network))}});
}

}  // namespace

void add_pytorch_import_options(OptionTable& table, ImportArguments& arguments) {
  PytorchArguments& given = arguments.of_pytorch;
  PytorchImportOptions& options = given.options;
  table.group("PyTorch");
  table.text("--pytorch", "FILE", arguments.pytorch, "a state dict as a safetensors file").standard = "none";
  table.text("--net", "NETWORK", arguments.net, "the network that it is of, as train --net takes it")
      .standard = "what the file says where ztilde wrote it, else dense layers";
  table
      .text("--map", "FILE", given.map,
            "JSON: which layer tensors are of, by the beginning of their names, where that cannot be told: "
            "{\"fc1\": 0, \"head\": null}")
      .standard = "by names and shapes";
  table.custom(
      {"--image-size", "WxH", "the pixels of an image, where the network leaves them open (N: N x N)",
       "as the network says", "", [&given](const std::string& label, const std::string& text) {
         const Range side = {.least = 1, .most = kMostImageSide};
         const std::size_t x = text.find('x');
         given.image_size = ImageSize{parse_whole(label, text.substr(0, x), side),
                                      parse_whole(label, text.substr(x == text.npos ? 0 : x + 1), side)};
       }});
  table.custom({"--activation", "WORD", "without --net: what is between the linear layers", "none", "",
                [&options](const std::string&, const std::string& text) {
                  options.activation = activation_from_string(text);
                }});
  table.choice("--norm-place", options.norm_place,
               {{"before", NormPlace::before}, {"after", NormPlace::after}},
               "without --net: where batch norm stands to the activation");
  table.real("--epsilon", "E", options.epsilon, {.least = 0}, "of every batch norm: PyTorch's eps",
             "as the network says, 1e-5 where it does not");
  table.real("--momentum", "M", options.momentum, {.least = 0, .most = 1},
             "of every batch norm, as PyTorch counts it: 1 - keep",
             "as the network says, 0.1 where it does not");
}

void require_pytorch_sense(const OptionTable& table, const ImportArguments& arguments) {
  for (const char* name : {"--net", "--map", "--activation", "--norm-place", "--epsilon", "--momentum"}) {
    if (arguments.pytorch.empty() && table.given(name))
      refuse(name, "is for --pytorch; add that, or leave it out");
  }
}

Imported import_pytorch(const ImportArguments& arguments, const Messages&) {
  if (arguments.out == "-") refuse("--out", "a model cannot go to standard output; name a file");
  PytorchImport imported = ztilde::import_pytorch(arguments.pytorch, import_options(arguments));
  // A file that ztilde wrote tells how its model was trained.
  auto& record = imported.model.training.options;
  if (record.empty()) {
    record.emplace_back("pytorch", arguments.pytorch);
    if (!arguments.net.empty()) record.emplace_back("net", arguments.net);
  }
  return {imported.model, words(imported), json(imported)};
}

}  // namespace ztilde::cli
