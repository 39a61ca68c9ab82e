#include "model/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "base/files.hpp"
#include "base/text.hpp"
#include "model/checksum.hpp"
#include "model/flattened.hpp"
#include "model/model_check.hpp"
#include "model/model_metadata.hpp"
#include "model/safetensors.hpp"
#include "ztilde/doctor.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace model_file {
namespace {

using safetensors::Dtype;
using safetensors::Tensor;

[[noreturn]] void refuse(const std::string& file_name, const std::string& what) {
  throw Error(ErrorKind::data, fmt::format("{}: {}", file_name, what));
}

std::string what_it_is_instead(std::string_view content) {
  if (content.empty()) return "it is empty";
  if (content.size() >= 4 && content.starts_with(std::string_view("\0\0", 2)) && content[2] >= 8 &&
      content[2] <= 14) {
    return "it begins like an IDX file";
  }
  if (content.substr(0, 64).find_first_of(std::string_view("\0\xff", 2)) == std::string_view::npos) {
    return "it begins like a text file";
  }
  return "it does not begin like a safetensors file";
}

void require_ztilde(const Metadata& metadata, const std::string& file_name) {
  const auto format = metadata.find("format");
  if (format != metadata.end() && format->second == kCheckpointFormat) {
    refuse(file_name,
           "this is a checkpoint, not yet a model; 'ztilde train' with --checkpoint and --resume goes on "
           "from it");
  }
  if (format == metadata.end() || format->second != "ztilde") {
    refuse(file_name,
           "a safetensors file without ztilde's metadata; train one with 'ztilde train', "
           "or write the metadata that docs/model-file.md describes");
  }
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  return printable(fmt::format("[{}]", fmt::join(shape, ", ")));
}

// The tensors of a file by name; what has been taken is no longer there.
class TensorReader {
 public:
  TensorReader(const std::vector<Tensor>& tensors, const std::string& file_name) : file_name_(file_name) {
    for (const Tensor& tensor : tensors) by_name_.emplace(tensor.name, &tensor);
  }

  // Requires that the network asks for `shape` here; `also` is a second dtype that will do.
  const Tensor& take(const std::string& name, const std::vector<std::size_t>& shape, Dtype dtype,
                     std::optional<Dtype> also = {}) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      refuse(file_name_,
             fmt::format("tensor '{}' is missing; the network asks for it, make the model anew", name));
    }
    const Tensor& tensor = *found->second;
    if (tensor.shape != shape || (tensor.dtype != dtype && tensor.dtype != also)) {
      refuse(file_name_, fmt::format("tensor '{}' is {} {}, the network asks for {} {}; make the model anew",
                                     name, to_string(tensor.dtype), shape_text(tensor.shape),
                                     to_string(dtype), shape_text(shape)));
    }
    by_name_.erase(found);
    return tensor;
  }

  void require_all_taken() const {
    if (by_name_.empty()) return;
    refuse(file_name_, fmt::format("tensor '{}' belongs to no layer of the network; make the model anew",
                                   printable(by_name_.begin()->first)));
  }

 private:
  const std::string& file_name_;
  std::map<std::string, const Tensor*> by_name_;
};

std::string tensor_name(std::size_t layer, std::string_view name) {
  return fmt::format("{}.{}", layer, name);
}

// A table of an Encode layer is "layer.column.weight", as the module of a ModuleDict has it.
std::string tensor_name(const ParameterSlot& slot) {
  return slot.column ? fmt::format("{}.{}.{}", slot.layer, *slot.column, slot.name)
                     : tensor_name(slot.layer, slot.name);
}

// The Encode layer is the first.
std::string tensor_name(const EncodingSlot& slot) { return fmt::format("0.{}.{}", slot.column, slot.name); }

std::vector<std::size_t> shape_of(const ParameterSlot& slot) {
  if (slot.kernel > 0) {
    return {slot.rows, slot.columns / (slot.kernel * slot.kernel), slot.kernel, slot.kernel};
  }
  return slot.is_weight_matrix ? std::vector<std::size_t>{slot.rows, slot.columns}
                               : std::vector<std::size_t>{slot.rows};
}

template <class Number>
std::string_view bytes_of(const Number* numbers, std::size_t count) {
  return {reinterpret_cast<const char*>(numbers), count * sizeof(Number)};
}

// The numbers of a model as its file has them.
struct Arenas {
  std::vector<float> parameters;
  std::vector<double> statistics;
};

// Empty where the model's own memory has them so.
std::shared_ptr<const Arenas> reordered(const Model& model) {
  const std::vector<std::optional<Shape>> images = flattened_images(model.network);
  const auto is_one = [](const std::optional<Shape>& image) { return image.has_value(); };
  if (std::none_of(images.begin(), images.end(), is_one)) return nullptr;
  auto arenas = std::make_shared<Arenas>(Arenas{model.parameters, model.statistics});
  reorder_features(model.network, FeatureOrder::channels_first, arenas->parameters, arenas->statistics);
  return arenas;
}

// Views of `parameters`, `statistics` and the model's memory.
std::vector<Tensor> tensors_of(const Model& model, const float* parameters, const double* statistics) {
  std::vector<Tensor> tensors;
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    tensors.push_back(
        {tensor_name(slot), Dtype::f32, shape_of(slot), bytes_of(parameters + slot.offset, slot.size())});
  }
  for (const EncodingSlot& slot : encoding_slots(model.network)) {
    tensors.push_back(
        {tensor_name(slot), Dtype::f64, {slot.size}, bytes_of(statistics + slot.offset, slot.size)});
  }
  const std::vector<StatisticSlot> slots = statistic_slots(model.network);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const StatisticSlot& slot = slots[i];
    const double* means = statistics + slot.offset;
    tensors.push_back({tensor_name(slot.layer, "running_mean"),
                       Dtype::f64,
                       {slot.channels},
                       bytes_of(means, slot.channels)});
    tensors.push_back({tensor_name(slot.layer, "running_var"),
                       Dtype::f64,
                       {slot.channels},
                       bytes_of(means + slot.channels, slot.channels)});
    tensors.push_back({tensor_name(slot.layer, "num_batches_tracked"),
                       Dtype::i64,
                       {},
                       bytes_of(&model.statistic_batches[i], 1)});
  }
  return tensors;
}

void copy_doubles(const Tensor& tensor, double* to) {
  if (tensor.dtype == Dtype::f64) {
    std::memcpy(to, tensor.bytes.data(), tensor.bytes.size());
    return;
  }
  for (std::size_t i = 0; i < tensor.shape[0]; ++i) {
    float number = 0;
    std::memcpy(&number, tensor.bytes.data() + i * sizeof(float), sizeof(float));
    to[i] = number;
  }
}

// All shapes are compared with the file's before anything is allocated by the network's word.
void take_tensors(const std::vector<Tensor>& tensors, const std::string& file_name, Model& model) {
  TensorReader reader(tensors, file_name);
  const std::vector<ParameterSlot> parameters = parameter_slots(model.network);
  const std::vector<StatisticSlot> statistics = statistic_slots(model.network);
  struct Statistic {
    const Tensor *mean, *variance, *batches;
  };
  std::vector<const Tensor*> parameter_tensors;
  std::vector<Statistic> statistic_tensors;
  for (const ParameterSlot& slot : parameters) {
    parameter_tensors.push_back(&reader.take(tensor_name(slot), shape_of(slot), Dtype::f32));
  }
  const std::vector<EncodingSlot> encodings = encoding_slots(model.network);
  std::vector<const Tensor*> encoding_tensors;
  for (const EncodingSlot& slot : encodings) {
    encoding_tensors.push_back(&reader.take(tensor_name(slot), {slot.size}, Dtype::f64));
  }
  for (const StatisticSlot& slot : statistics) {
    const std::vector<std::size_t> shape = {slot.channels};
    statistic_tensors.push_back(
        {&reader.take(tensor_name(slot.layer, "running_mean"), shape, Dtype::f64, Dtype::f32),
         &reader.take(tensor_name(slot.layer, "running_var"), shape, Dtype::f64, Dtype::f32),
         &reader.take(tensor_name(slot.layer, "num_batches_tracked"), {}, Dtype::i64)});
  }
  reader.require_all_taken();

  model.parameters.assign(parameter_arena_size(model.network), 0.0f);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::string_view bytes = parameter_tensors[i]->bytes;
    std::memcpy(model.parameters.data() + parameters[i].offset, bytes.data(), bytes.size());
  }
  model.statistics.assign(statistic_arena_size(model.network), 0.0);
  for (std::size_t i = 0; i < encodings.size(); ++i) {
    copy_doubles(*encoding_tensors[i], model.statistics.data() + encodings[i].offset);
  }
  model.statistic_batches.assign(statistics.size(), 0);
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    double* means = model.statistics.data() + statistics[i].offset;
    copy_doubles(*statistic_tensors[i].mean, means);
    copy_doubles(*statistic_tensors[i].variance, means + statistics[i].channels);
    std::memcpy(&model.statistic_batches[i], statistic_tensors[i].batches->bytes.data(),
                sizeof(std::uint64_t));
  }
  reorder_features(model.network, FeatureOrder::channels_last, model.parameters, model.statistics);
}

}  // namespace

safetensors::Pieces to_pieces(const Model& model, const std::string& file_name) {
  try {
    check_model(model);
  } catch (const Error& error) {
    refuse(file_name, fmt::format("this model cannot be saved: {}", error.what()));
  }
  const std::shared_ptr<const Arenas> other = reordered(model);
  const float* parameters = other ? other->parameters.data() : model.parameters.data();
  const double* statistics = other ? other->statistics.data() : model.statistics.data();
  safetensors::Pieces all =
      pieces_with_checksum({to_metadata(model), tensors_of(model, parameters, statistics)});
  all.owner = other;
  return all;
}

std::string to_bytes(const Model& model, const std::string& file_name) {
  return to_pieces(model, file_name).joined();
}

namespace {

// check(what): called with each thing that may be refused without being in the way of reading on.
template <class Check>
Model read_model(std::string_view content, const std::string& file_name, const Check& check) {
  if (!safetensors::looks_like_one(content)) {
    refuse(file_name,
           fmt::format("not a ztilde model ({}); make one with 'ztilde train'", what_it_is_instead(content)));
  }
  const safetensors::File file = safetensors::read(content, file_name);
  check([&] { require_undamaged(content, file, file_name); });
  require_ztilde(file.metadata, file_name);
  Model model = from_metadata(file.metadata, file_name);
  check([&] { require_checksum(file, file_name); });
  take_tensors(file.tensors, file_name, model);
  const auto named = [&](const auto& what, const char* help) {
    try {
      what(model);
    } catch (const Error& error) {
      refuse(file_name, error.what() + std::string(help));
    }
  };
  named(check_structure, "");
  constexpr const char* kHelp = ", or let 'ztilde doctor' look at it";
  check([&] { named(check_numbers, kHelp); });
  check([&] { named(check_test_rows, kHelp); });
  return model;
}

}  // namespace

Model from_bytes(std::string_view content, const std::string& file_name) {
  return read_model(content, file_name, [](const auto& what) { what(); });
}

Unchecked from_bytes_unchecked(std::string_view content, const std::string& file_name) {
  std::string refusal;
  Model model = read_model(content, file_name, [&](const auto& what) {
    if (!refusal.empty()) return;
    try {
      what();
    } catch (const Error& error) {
      refusal = error.what();
    }
  });
  return {std::move(model), std::move(refusal)};
}

}  // namespace model_file

void save(const Model& model, const std::string& path) {
  const safetensors::Pieces pieces = model_file::to_pieces(model, shown_path(path));
  write_file_atomically(path, pieces.parts());
}

namespace {

std::string content_of_model(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    model_file::refuse(shown_path(path), "not a ztilde model (it is a directory); name the model file in it");
  }
  return read_file(path);
}

}  // namespace

Model load(const std::string& path) {
  return model_file::from_bytes(content_of_model(path), shown_path(path));
}

UncheckedModel load_unchecked(const std::string& path) {
  model_file::Unchecked read = model_file::from_bytes_unchecked(content_of_model(path), shown_path(path));
  return {std::move(read.model), std::move(read.refusal)};
}

}  // namespace ztilde
