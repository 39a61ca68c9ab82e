#include "onnx/export_interface.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_export {
namespace {

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool has_categories(const Model& model, std::size_t column) {
  return !model.column_info.empty() && model.column_info[column].kind == ColumnKind::categorical;
}

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::data, what + "; export the columns as one input, a matrix");
}

void plan_columns(const Model& model, Interface& interface) {
  if (model.column_names.empty()) refuse("the model's columns have no names");
  std::set<std::string> taken;
  for (std::size_t c = 0; c < model.column_names.size(); ++c) {
    const std::string& name = model.column_names[c];
    if (name.empty() || !is_utf8(name) || !taken.insert(name).second) {
      refuse(
          fmt::format("column {} ('{}') cannot be an input of its own, which needs a name in UTF-8 that no "
                      "other has",
                      c + 1, printable(name)));
    }
    const bool text = interface.texts[c] = has_categories(model, c);
    if (text && !std::ranges::all_of(model.column_info[c].categories, is_utf8)) {
      refuse(fmt::format("column {} ('{}') has a category that is not UTF-8", c + 1, printable(name)));
    }
    interface.inputs.push_back({name, text ? OnnxType::string : OnnxType::float32, {1}});
  }
}

void plan_outputs(const Model& model, Interface& interface) {
  const auto add = [&](std::string name, OnnxType type, std::vector<std::size_t> row_shape) {
    const auto is_input = [&](const OnnxValue& input) { return input.name == name; };
    while (std::ranges::any_of(interface.inputs, is_input)) name += '_';
    interface.outputs.push_back({name, type, std::move(row_shape)});
  };
  const std::size_t width = layer_outputs(model.network).back();
  if (model.task == Task::regress) return add("prediction", OnnxType::float32, {width});
  add("output", OnnxType::float32, {width});
  add("probabilities", OnnxType::float32, {model.classes.size()});
  add("label", OnnxType::int64, {});
}

// Of a row of outputs, in double and rounded once.
void add_probabilities(const float* raw, std::size_t outputs, std::vector<float>& probabilities) {
  if (outputs == 1) {
    const double second = 1 / (1 + std::exp(-double{raw[0]}));
    probabilities.push_back(static_cast<float>(1 - second));
    probabilities.push_back(static_cast<float>(second));
    return;
  }
  const double most = *std::max_element(raw, raw + outputs);
  double sum = 0;
  for (std::size_t i = 0; i < outputs; ++i) sum += std::exp(raw[i] - most);
  for (std::size_t i = 0; i < outputs; ++i)
    probabilities.push_back(static_cast<float>(std::exp(raw[i] - most) / sum));
}

std::string text_of(const std::vector<std::string>& categories, float index) {
  if (index >= 0 && index < static_cast<float>(categories.size()))
    return categories[static_cast<std::size_t>(index)];
  std::string unseen = "unseen";
  while (std::ranges::find(categories, unseen) != categories.end()) unseen += '_';
  return unseen;
}

std::vector<std::int64_t> dims_of(const Tensor& tensor) {
  std::vector<std::int64_t> dims = {static_cast<std::int64_t>(tensor.rows)};
  dims.insert(dims.end(), tensor.value.row_shape.begin(), tensor.value.row_shape.end());
  return dims;
}

template <class Number>
std::string hexadecimal(const std::vector<Number>& numbers) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * sizeof(Number) * numbers.size());
  const auto* bytes = reinterpret_cast<const unsigned char*>(numbers.data());
  for (std::size_t i = 0; i < sizeof(Number) * numbers.size(); ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

bool has_one_logit(const Model& model) {
  return model.task == Task::classify && layer_outputs(model.network).back() == 1;
}

Interface plan_interface(const Model& model, const OnnxExportOptions& options) {
  Interface interface;
  const Shape shape = model.network.input_shape();
  interface.texts.resize(model.network.inputs);
  bool any_categories = false;
  for (std::size_t c = 0; c < model.network.inputs; ++c) any_categories |= has_categories(model, c);
  interface.by_column =
      options.inputs == OnnxInputs::columns || (options.inputs == OnnxInputs::automatic && any_categories);
  if (interface.by_column) {
    plan_columns(model, interface);
  } else if (shape.pixels() > 1) {
    interface.is_image = true;
    interface.channels_last = options.layout == OnnxLayout::channels_last;
    interface.inputs = {{"input", OnnxType::float32, {shape.channels, shape.height, shape.width}}};
    if (interface.channels_last) interface.inputs[0].row_shape = {shape.height, shape.width, shape.channels};
  } else {
    interface.inputs = {{"input", OnnxType::float32, {model.network.inputs}}};
  }
  plan_outputs(model, interface);
  return interface;
}

std::vector<Tensor> as_inputs(const Model& model, const Interface& interface,
                              const std::vector<float>& rows) {
  const std::size_t columns = model.network.inputs, count = rows.size() / columns;
  std::vector<Tensor> tensors;
  for (const OnnxValue& value : interface.inputs) tensors.push_back({value, count, {}, {}, {}});
  if (interface.by_column) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::size_t c = i % columns;
      if (interface.texts[c]) {
        tensors[c].texts.push_back(text_of(model.column_info[c].categories, rows[i]));
      } else {
        tensors[c].floats.push_back(rows[i]);
      }
    }
    return tensors;
  }
  tensors[0].floats = rows;
  if (!interface.is_image || interface.channels_last) return tensors;
  const Shape shape = model.network.input_shape();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t in_row = i % columns, pixel = in_row / shape.channels,
                      channel = in_row % shape.channels;
    tensors[0].floats[i - in_row + channel * shape.pixels() + pixel] = rows[i];
  }
  return tensors;
}

std::vector<Tensor> as_outputs(const Model& model, const Interface& interface,
                               const std::vector<float>& raw) {
  const std::size_t width = layer_outputs(model.network).back(), rows = raw.size() / width;
  std::vector<Tensor> tensors;
  for (const OnnxValue& value : interface.outputs) tensors.push_back({value, rows, {}, {}, {}});
  tensors[0].floats = raw;
  if (model.task == Task::regress) return tensors;
  for (std::size_t r = 0; r < rows; ++r) {
    const float* of_row = raw.data() + r * width;
    add_probabilities(of_row, width, tensors[1].floats);
    tensors[2].integers.push_back(width == 1 ? of_row[0] > 0
                                             : std::max_element(of_row, of_row + width) - of_row);
  }
  return tensors;
}

::onnx::TensorProto to_proto(const Tensor& tensor) {
  using ::onnx::TensorProto;
  TensorProto proto;
  proto.set_name(tensor.value.name);
  for (const std::int64_t size : dims_of(tensor)) proto.add_dims(size);
  switch (tensor.value.type) {
    case OnnxType::float32:
      proto.set_data_type(TensorProto::FLOAT);
      proto.set_raw_data(tensor.floats.data(), tensor.floats.size() * sizeof(float));
      break;
    case OnnxType::int64:
      proto.set_data_type(TensorProto::INT64);
      proto.set_raw_data(tensor.integers.data(), tensor.integers.size() * sizeof(std::int64_t));
      break;
    case OnnxType::string:
      proto.set_data_type(TensorProto::STRING);
      for (const std::string& text : tensor.texts) proto.add_string_data(text);
      break;
  }
  return proto;
}

nlohmann::ordered_json to_json(const std::vector<Tensor>& tensors) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const Tensor& tensor : tensors) {
    nlohmann::ordered_json& entry = object[tensor.value.name];
    entry["shape"] = dims_of(tensor);
    switch (tensor.value.type) {
      case OnnxType::float32:
        entry["type"] = "<f4";
        entry["bytes"] = hexadecimal(tensor.floats);
        break;
      case OnnxType::int64:
        entry["type"] = "<i8";
        entry["bytes"] = hexadecimal(tensor.integers);
        break;
      case OnnxType::string:
        entry["texts"] = tensor.texts;
        break;
    }
  }
  return object;
}

}  // namespace ztilde::onnx_export
