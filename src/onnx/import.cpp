#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "base/files.hpp"
#include "base/text.hpp"
#include "model/fold_rows.hpp"
#include "model/model_check.hpp"
#include "onnx/import_check.hpp"
#include "onnx/import_file.hpp"
#include "onnx/import_operators.hpp"
#include "onnx/import_purpose.hpp"
#include "ztilde/error.hpp"
#include "ztilde/onnx_import.hpp"

namespace ztilde {
namespace onnx_import {
namespace {

constexpr std::size_t kTestRows = 4;
constexpr std::size_t kMostTestNumbers = std::size_t{1} << 20;  // a large image is one row

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::data, name + ": " + what);
}

// The first input is the rows.
void require_numeric_input(const Graph& graph) {
  if (graph.inputs.empty()) refuse(graph.file, "its graph has no input; ztilde takes rows of numbers");
  const ::onnx::ValueInfoProto& input = *graph.inputs.front();
  const auto& type = input.type();
  using Proto = ::onnx::TensorProto;
  const int element = type.tensor_type().elem_type();
  const bool is_text = type.has_tensor_type() && (element == Proto::STRING || element == Proto::COMPLEX64 ||
                                                  element == Proto::COMPLEX128);
  if (is_text || (!type.has_tensor_type() && type.value_case() != ::onnx::TypeProto::VALUE_NOT_SET)) {
    refuse(graph.file,
           fmt::format("its input '{}' is {}; ztilde takes rows of numbers", printable(input.name()),
                       is_text ? "of texts or complex numbers" : "no tensor"));
  }
}

// The dimensions of a row of an input, from the options or the file.
Dims row_dims(const Graph& graph, const ::onnx::ValueInfoProto& input, const OnnxImportOptions& options,
              const TestData* data) {
  if (!options.input.empty()) return {options.input.begin(), options.input.end()};
  Dims dims;
  const auto& type = input.type();
  if (type.has_tensor_type() && type.tensor_type().has_shape()) {
    for (const auto& dim : type.tensor_type().shape().dim())
      dims.push_back(dim.has_dim_value() ? dim.dim_value() : 0);
  }
  const auto is_known = [](std::int64_t dim) { return dim > 0; };
  if (data && (dims.size() != data->inputs[0]->dims.size() ||
               !std::all_of(dims.begin() + !dims.empty(), dims.end(), is_known)))
    dims = data->inputs[0]->dims;
  if (dims.size() < 2) {
    refuse(graph.file,
           fmt::format("its input '{}' has {} and no rows besides; say what a row is with --input-shape",
                       printable(input.name()), counted(dims.size(), "dimension")));
  }
  dims.erase(dims.begin());
  if (!std::ranges::all_of(dims, is_known)) {
    refuse(graph.file, fmt::format("its input '{}' leaves the size of a row open; say what it is with "
                                   "--input-shape, such as 3,32,32",
                                   printable(input.name())));
  }
  return dims;
}

// Whether what follows the input takes it for channels last: it is brought to channels first, before or after
// something that works number by number.
bool is_channels_last(const Graph& graph, const std::string& input) {
  std::vector<std::string> names{input};
  for (const std::size_t index : graph.order) {
    const Node& node = graph.nodes[index];
    if (node.inputs() == 0 || node.outputs() == 0) continue;
    const auto reads = [&](std::size_t i) {
      return i < node.inputs() && std::ranges::find(names, node.input(i)) != names.end();
    };
    if (!reads(0) && !reads(1)) continue;
    if (node.operation() == "Transpose") return node.wholes("perm").value_or(Dims{}) == Dims{0, 3, 1, 2};
    for (const char* known : {"Cast", "Identity", "Sub", "Add", "Mul", "Div"}) {
      if (node.operation() == known) names.push_back(node.output(0));
    }
  }
  return false;
}

// (row / scale − mean) / deviation by channel, as the scale and the shift that they are.
Affine affine_of(const InputScaling& scaling, std::size_t channels) {
  const auto fits = [&](const std::vector<double>& list) {
    return list.size() == 1 || list.size() == channels;
  };
  if (!fits(scaling.mean) || !fits(scaling.deviation)) {
    throw Error(ErrorKind::data,
                fmt::format("--input-mean and --input-std: there are {} and {} numbers, they ask for 1 or {}",
                            scaling.mean.size(), scaling.deviation.size(), channels));
  }
  Affine affine;
  for (std::size_t c = 0; c < std::max(scaling.mean.size(), scaling.deviation.size()); ++c) {
    const double deviation = scaling.deviation[scaling.deviation.size() == 1 ? 0 : c];
    affine.scale.push_back(1 / (scaling.scale * deviation));
    affine.shift.push_back(-scaling.mean[scaling.mean.size() == 1 ? 0 : c] / deviation);
    if (!std::isfinite(affine.scale.back()) || !std::isfinite(affine.shift.back()))
      throw Error(ErrorKind::data,
                  "--input-scale and --input-std: they must be above 0 and of an ordinary size");
  }
  return affine;
}

// The raw rows that the graph's rows came of.
void unscale(std::vector<float>& rows, const Affine& affine, std::size_t channels) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i] = static_cast<float>((rows[i] - affine.shift_of(i % channels)) / affine.scale_of(i % channels));
}

// The graph's inputs: the first is the rows, all others have a value in the file or in the test data.
void set_inputs(Walk& walk, const OnnxImportOptions& options, const TestData* data) {
  const Graph& graph = walk.graph();
  const ::onnx::ValueInfoProto& rows = *graph.inputs.front();
  const Dims dims = row_dims(graph, rows, options, data);
  const bool channels_last = dims.size() == 3 && is_channels_last(graph, rows.name());
  walk.set_input(rows.name(), dims, channels_last);
  if (options.input_scaling) {
    Flow& flow = std::get<Flow>(walk.value(rows.name(), graph.nodes.front()));
    flow.affine = affine_of(*options.input_scaling, flow.channels());
    if (graph.readers.contains(rows.name()) && graph.readers.at(rows.name()) > 1)
      walk.settle(flow, graph.nodes.front());
    walk.note("inputs", "raw rows: what was done to them before the graph is put in front of it");
  }
  if (channels_last)
    walk.note("layout",
              "the input is channels last in the file too; what brings it to channels first is dropped");
  for (std::size_t i = 1; data && i < std::min(graph.inputs.size(), data->inputs.size()); ++i) {
    walk.set(graph.inputs[i]->name(), data->inputs[i]);
    walk.note("inputs", fmt::format("'{}' is constant: the test data's input_{}.pb",
                                    printable(graph.inputs[i]->name()), i));
  }
}

// The products that one row needs, about.
double products_of(const Network& network) {
  const std::vector<Shape> shapes = layer_shapes(network);
  double products = 0;
  for (const ParameterSlot& slot : parameter_slots(network)) {
    if (slot.is_weight_matrix)
      products += static_cast<double>(slot.size()) * static_cast<double>(shapes[slot.layer].pixels());
  }
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const auto* most = std::get_if<MaxPool>(&network.layers[i]);
    const auto* mean = std::get_if<AveragePool>(&network.layers[i]);
    const auto kernel = static_cast<double>(most ? most->kernel : mean ? mean->kernel : 0);
    products += kernel * kernel * static_cast<double>(shapes[i].size());
  }
  return products;
}

void require_bounds(const std::string& name, const Network& network, const OnnxImportOptions& options) {
  std::size_t numbers = parameter_count(network) + network.inputs;
  for (const std::size_t outputs : layer_outputs(network)) numbers += outputs;
  if (numbers > options.most_numbers) {
    refuse(name,
           fmt::format(
               "the network and one row on its way through it have {} numbers; ztilde takes {} from a file",
               with_commas(numbers), with_commas(options.most_numbers)));
  }
  if (products_of(network) > options.most_products) {
    refuse(name, fmt::format("one row takes {:.2g} multiplications; ztilde takes {:.2g} from a file",
                             products_of(network), options.most_products));
  }
}

void add_test_rows(Model& model, const std::vector<float>& rows, const std::string& name) {
  const std::size_t count = std::clamp<std::size_t>(kMostTestNumbers / model.network.inputs, 1, kTestRows);
  model.test_inputs = rows.empty() ? built_in_rows(model, count, 0) : rows;
  model.test_inputs.resize(std::min(model.test_inputs.size(), count * model.network.inputs));
  model.test_outputs = outputs(model, model.test_inputs, 1);
  const auto is_finite = [](float number) { return std::isfinite(number); };
  if (std::ranges::all_of(model.test_outputs, is_finite)) return;
  refuse(name,
         "its outputs on ordinary rows are not finite, a layer's numbers are too large; look at them where "
         "the model was made");
}

// What is about the same thing stands together.
std::vector<OnnxNote> grouped(const std::vector<OnnxNote>& notes) {
  std::vector<OnnxNote> all;
  for (const OnnxNote& first : notes) {
    if (std::ranges::any_of(all, [&](const OnnxNote& note) { return note.about == first.about; })) continue;
    std::ranges::copy_if(notes, std::back_inserter(all),
                         [&](const OnnxNote& note) { return note.about == first.about; });
  }
  return all;
}

std::string producer_of(const ::onnx::ModelProto& proto) {
  std::string text = printable(proto.producer_name(), 60);
  if (!proto.producer_version().empty()) text += " " + printable(proto.producer_version(), 20);
  return text.empty() ? "nobody who says so" : text;
}

OnnxImport import_model(const ::onnx::ModelProto& proto, const std::string& name, const std::string& folder,
                        const OnnxImportOptions& options) {
  const Graph graph = read_graph(proto, name, options.output);
  require_numeric_input(graph);
  std::optional<TestData> data;
  if (!options.check.empty()) data = read_test_data(options.check);
  Walk walk(graph, folder, options.most_numbers);
  walk.set_pytorch(proto.producer_name() == "pytorch");
  set_inputs(walk, options, data ? &*data : nullptr);
  const Dims row = std::get<Flow>(walk.value(graph.inputs.front()->name(), graph.nodes.front())).dims;
  const bool channels_last =
      std::get<Flow>(walk.value(graph.inputs.front()->name(), graph.nodes.front())).channels_last;
  for (const std::size_t index : graph.order) convert(walk, graph.nodes[index]);

  OnnxImport imported;
  imported.producer = producer_of(proto);
  imported.ir_version = proto.ir_version();
  imported.opset = graph.opset;
  imported.nodes = graph.nodes.size();
  Purpose purpose = read_purpose(walk, proto, options);
  Assembled assembled = assemble(walk.parts(), purpose.end.part, walk.notes());
  Model& model = imported.model;
  model.network = std::move(assembled.network);
  require_bounds(name, model.network, options);
  model.parameters = std::move(assembled.parameters);
  model.statistics = std::move(assembled.statistics);
  model.statistic_batches.assign(statistic_slots(model.network).size(), 0);
  if (model.network.height * model.network.width > 1) {
    model.image_width = model.network.width;
    model.image_height = model.network.height;
  }
  set_purpose(model, purpose, options, walk);
  model.training.train_loss = model.training.valid_loss = std::numeric_limits<double>::quiet_NaN();
  model.training.options = {
      {"imported", "onnx"}, {"producer", imported.producer}, {"opset", std::to_string(graph.opset)}};
  if (graph.nodes.size() > graph.order.size()) {
    walk.note("dropped", fmt::format("{} that the output does not need",
                                     counted(graph.nodes.size() - graph.order.size(), "node")));
  }

  std::vector<float> rows;
  if (data) {
    const std::size_t size = elements_of(row);
    if (data->inputs[0]->size() == 0 || data->inputs[0]->size() % size != 0)
      refuse(shown_path(options.check), fmt::format("input_0.pb has {}, no rows of {}",
                                                    counted(data->inputs[0]->size(), "number"), size));
    for (std::size_t i = 0; i < data->inputs[0]->size(); ++i) {
      if (std::abs(data->inputs[0]->number(i)) <= std::numeric_limits<float>::max()) continue;
      refuse(name, fmt::format("its input '{}' is {} at place {} of input_0.pb, which is no finite float",
                               printable(graph.inputs.front()->name()), data->inputs[0]->number(i), i));
    }
    rows = rows_of(*data, row, channels_last);
    if (options.input_scaling) {
      const std::size_t channels = shape_of(row, channels_last).channels;
      unscale(rows, affine_of(*options.input_scaling, channels), channels);
    }
  }
  try {
    model_file::check_model(model);
  } catch (const Error& error) {
    refuse(name, error.what());
  }
  add_test_rows(model, rows, name);
  if (data) imported.check = check(model, rows, *data, purpose.end, purpose.image, options);
  imported.notes = grouped(walk.notes());
  return imported;
}

}  // namespace

void parse_proto(google::protobuf::MessageLite& proto, std::string_view bytes, const std::string& name,
                 const std::string& kind) {
  if (bytes.empty()) refuse(name, "it is empty");
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    refuse(name,
           "it has more than 2 GB, which no protobuf file can have; store its numbers as external data");
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    refuse(name, fmt::format("it is not {}, or it is cut off or damaged", kind));
  }
}

OnnxImport from_bytes(std::string_view bytes, const std::string& name, const std::string& folder,
                      const OnnxImportOptions& options) {
  ::onnx::ModelProto proto;
  parse_proto(proto, bytes, name, "an ONNX model");
  if (!proto.has_graph() || proto.graph().node_size() == 0)
    refuse(name, "it is not an ONNX model, or has no nodes; export one with torch.onnx.export or the like");
  try {
    return import_model(proto, name, folder, options);
  } catch (const Error& error) {
    // What validate() says of the layers does not name the file.
    const std::string what = error.what();
    if (what.starts_with(name) || what.starts_with("--") ||
        (!options.check.empty() && what.starts_with(shown_path(options.check))))
      throw;
    throw Error(error.kind(), name + ": " + what);
  }
}

}  // namespace onnx_import

OnnxImport import_onnx(const std::string& path, const OnnxImportOptions& options) {
  return onnx_import::from_bytes(read_file(path), shown_path(path), folder_of(path), options);
}

}  // namespace ztilde
