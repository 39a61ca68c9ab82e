// PyTorch in and out: a module's state dict, as a safetensors file has it (docs/pytorch.md).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ztilde/model.hpp"

namespace ztilde {

// What was done to rows before the module saw them: (row / scale − mean) / deviation, by column of a table or
// channel of an image; one number stands for all of them. torchvision's ToTensor divides by 255.
struct InputScaling {
  double scale = 1;
  std::vector<double> mean = {0}, deviation = {1};
};

struct PytorchImportOptions {
  // JSON as network_from_template reads it, with gaps that the tensors fill, and its name for messages.
  // Empty: the network that the file itself has where ztilde wrote it; else dense layers, as the shapes tell.
  std::string network, network_name;
  std::optional<std::size_t> depth;
  std::size_t image_width = 0, image_height = 0;  // where that leaves them open; 0: as it says
  std::optional<ActivationKind> activation;       // of dense layers without a network
  NormPlace norm_place = NormPlace::before;       // the same
  // By prefix of tensors' names ("layer1.0.bn1"): the layer that they are of, as the network counts; empty:
  // of none, they are left out. The rest is matched by names and shapes.
  std::map<std::string, std::optional<std::size_t>> layers;
  std::optional<double> epsilon,
      momentum;  // of every BatchNorm; a state dict has neither. PyTorch's momentum
  std::optional<InputScaling> input_scaling;

  std::optional<Task> task;               // empty: regress for 1 output, unless there are classes
  std::vector<std::string> classes;       // empty: "0", "1", …
  std::vector<std::string> column_names;  // empty: columns are only counted
  std::string target_name;
  std::size_t threads = 0;
};

struct PytorchImport {
  Model model;
  std::vector<std::pair<std::string, std::size_t>> layers;  // which tensors are of which layer of the model
  // What was assumed, and where conventions differ: a topic of one word, and a sentence.
  std::vector<std::pair<std::string, std::string>> notes;
};

// The model with PyTorch's conventions kept: unbiased running variances, running statistics. Biases that the
// network lacks and the module has, or the other way round, are the module's. Throws Error(data) naming the
// file and the tensor that does not fit, and what was expected; Error(io) where it cannot be read.
PytorchImport import_pytorch(const std::string& path, const PytorchImportOptions& options);

struct PytorchExportOptions {
  bool double_statistics = false;  // F64, for a module that is .double(): no number is rounded
  std::size_t threads = 0;
};

struct PytorchExport {
  std::string state_dict;  // the bytes of a safetensors file; metadata has the network for import_pytorch
  std::string modules;     // Python: the torch.nn.Sequential that loads it, a line each
  std::vector<std::pair<std::string, std::string>> notes;
  std::optional<double> largest_difference;  // of a test row's output, by the rounding of the statistics
};

// Tensors named and laid out as torch.nn.Sequential.state_dict() has them. Throws Error(data) for what
// PyTorch has no module for (Encode).
PytorchExport export_pytorch(const Model& model, const PytorchExportOptions& options = {});

// A program that builds the module, loads the state dict of this file name from beside itself with
// strict=True and compares the outputs of the model's test rows. It needs PyTorch alone.
std::string pytorch_program(const Model& model, const std::string& state_dict_name);

}  // namespace ztilde
