#include "onnx/import_purpose.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_import {
namespace {

const std::string* metadata_of(const ::onnx::ModelProto& proto, const std::string& key) {
  for (const auto& entry : proto.metadata_props()) {
    if (entry.key() == key) return &entry.value();
  }
  return nullptr;
}

// A JSON list of texts, or of objects with a name as ztilde has of columns; empty where it is none.
std::vector<std::string> names_of(const ::onnx::ModelProto& proto, const std::string& key) {
  const std::string* text = metadata_of(proto, key);
  const nlohmann::json list = text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
  std::vector<std::string> names;
  if (!list.is_array()) return {};
  for (const nlohmann::json& entry : list) {
    const nlohmann::json name = entry.is_object() && entry.contains("name") ? entry["name"] : entry;
    if (!name.is_string()) return {};
    names.push_back(name.get<std::string>());
  }
  return names;
}

// Of images that a dense network takes as flat rows.
ImageSize image_size_of(const ::onnx::ModelProto& proto) {
  const std::string* text = metadata_of(proto, "ztilde.image");
  const nlohmann::json image = text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
  if (!image.is_object()) return {};
  const auto side = [&](const char* name) -> std::size_t {
    return image.contains(name) && image[name].is_number_unsigned() ? image[name].get<std::size_t>() : 0;
  };
  return {side("width"), side("height")};
}

std::string target_of(const ::onnx::ModelProto& proto) {
  const std::string* text = metadata_of(proto, "ztilde.target");
  const nlohmann::json target = text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
  return target.is_string() ? target.get<std::string>() : "";
}

std::optional<Task> task_of(const ::onnx::ModelProto& proto) {
  const std::string* task = metadata_of(proto, "ztilde.task");
  if (task && *task == "classify") return Task::classify;
  if (task && *task == "regress") return Task::regress;
  return std::nullopt;
}

// A softmax, and the sigmoid of a single output, make probabilities of outputs that ztilde keeps as they are.
void settle_end(Walk& walk, Flow& end, const Node& last, std::optional<Task> task) {
  const bool is_one = elements_of(end.dims) == 1;
  if (end.pending == Pending::sigmoid && end.affine.is_identity() && is_one && task != Task::regress) {
    end.pending = Pending::none;
    end.ending = Ending::sigmoid;
  }
  if (end.pending == Pending::sigmoid) {
    walk.note("kept", is_one ? "the sigmoid at the end is a layer, as the task is a regression"
                             : "the sigmoids at the end are a layer: answers for several questions at once "
                               "are no task of ztilde's, and "
                               "its probabilities would be a softmax over them");
  }
  walk.settle(end, last);
  if (end.ending == Ending::sigmoid) {
    walk.note("dropped",
              "the sigmoid at the end: outputs are logits, and ztilde predict makes probabilities of them");
  } else if (end.ending != Ending::none) {
    walk.note("dropped",
              "the softmax at the end: outputs are logits, and ztilde predict makes probabilities of them");
  }
}

Task task_without_words(Walk& walk, const Flow& end, std::size_t outputs) {
  const Task task = end.ending == Ending::none && outputs == 1 ? Task::regress : Task::classify;
  const char* why = end.ending != Ending::none ? "it ends with probabilities"
                    : outputs == 1             ? "it ends with one number"
                                               : "it has several outputs";
  walk.note("task", fmt::format("{}, because {}; --task says otherwise",
                                task == Task::regress ? "regress" : "classify", why));
  return task;
}

std::vector<std::string> numbered(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

void set_classes(Walk& walk, Purpose& purpose, const ::onnx::ModelProto& proto,
                 const OnnxImportOptions& options, std::size_t outputs) {
  if (purpose.task == Task::regress) {
    if (outputs != 1) {
      throw Error(
          ErrorKind::data,
          fmt::format("--task: the network has {}, a regression has one; end at another value with --output",
                      counted(outputs, "output")));
    }
    if (!options.classes.empty())
      throw Error(ErrorKind::data, "--classes: a regression has none; leave it out");
    return;
  }
  const std::size_t count = outputs == 1 ? 2 : outputs;
  purpose.classes = options.classes;
  if (!purpose.classes.empty() && purpose.classes.size() != count) {
    throw Error(ErrorKind::data, fmt::format("--classes: there are {} names, and {} ask for {}",
                                             purpose.classes.size(), counted(outputs, "output"), count));
  }
  if (purpose.classes.empty()) purpose.classes = names_of(proto, "ztilde.classes");
  if (purpose.classes.size() == count) return;
  purpose.classes = numbered(count);
  walk.note(
      "classes",
      fmt::format("the file does not name them; they are \"0\" to \"{}\", --classes names them", count - 1));
}

}  // namespace

Purpose read_purpose(Walk& walk, const ::onnx::ModelProto& proto, const OnnxImportOptions& options) {
  const Graph& graph = walk.graph();
  const auto maker = graph.makers.find(graph.output);
  if (maker == graph.makers.end())
    throw Error(ErrorKind::data, fmt::format("{}: its output '{}' is no node's; there is no network",
                                             graph.file, printable(graph.output)));
  const Node& last = graph.nodes[maker->second];
  const Value& value = walk.value(graph.output, last);
  if (!std::holds_alternative<Flow>(value))
    last.refuse("its output does not depend on the rows; there is no network");
  Purpose purpose;
  purpose.end = std::get<Flow>(value);
  std::optional<Task> task = options.task ? options.task : task_of(proto);
  if (!task && !options.classes.empty()) task = Task::classify;
  settle_end(walk, purpose.end, last, task);
  const std::size_t outputs = elements_of(purpose.end.dims);
  purpose.task = task ? *task : task_without_words(walk, purpose.end, outputs);
  set_classes(walk, purpose, proto, options, outputs);
  purpose.image = purpose.end.flattened ? *purpose.end.flattened : walk.part(purpose.end).shape;
  purpose.columns = options.columns.empty() ? names_of(proto, "ztilde.columns") : options.columns;
  purpose.image_size = image_size_of(proto);
  const std::string* statistics = metadata_of(proto, "ztilde.statistics");
  if (statistics && *statistics == "population") purpose.statistics = StatisticsSource::population;
  purpose.target = options.target.empty() ? target_of(proto) : options.target;
  return purpose;
}

void set_purpose(Model& model, const Purpose& purpose, const OnnxImportOptions& options, Walk& walk) {
  model.task = purpose.task;
  model.classes = purpose.classes;
  model.target_name = purpose.target;
  model.statistics_source = purpose.statistics;
  const bool is_image = model.network.height * model.network.width > 1;
  const auto [width, height] = purpose.image_size;
  const bool is_flat_image = !is_image && width > 0 && height > 0 && height <= model.network.inputs / width &&
                             model.network.inputs % (width * height) == 0;
  if (is_flat_image) {
    model.image_width = width;
    model.image_height = height;
  }
  if (is_image && !has_layer<Standardise>(model.network)) {
    walk.note("pixels",
              "image files give pixels from 0 to 255; where the model was trained on scaled ones, say how by "
              "--input-scale, --input-mean and --input-std");
  }
  if (!is_image && purpose.columns.size() == model.network.inputs) {
    model.column_names = purpose.columns;
  } else if (!options.columns.empty()) {
    throw Error(ErrorKind::data,
                is_image ? "--columns: the network takes images; leave it out"
                         : fmt::format("--columns: there are {} names, the network takes {}",
                                       options.columns.size(), counted(model.network.inputs, "number")));
  } else if (!is_image && !is_flat_image) {
    walk.note(
        "columns",
        fmt::format("the file does not name its {}; a table's are taken in their order, --columns names them",
                    counted(model.network.inputs, "input")));
  }
}

}  // namespace ztilde::onnx_import
