// The formats of ztilde import, one file each: import_onnx.cpp, import_pytorch.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/streams.hpp"
#include "ztilde/model.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde::cli {

// What only --pytorch asks for.
struct PytorchArguments {
  std::string map;  // a file
  std::optional<ImageSize> image_size;
  std::optional<double> scale;          // of the inputs
  std::vector<double> mean, deviation;  // the same; empty: not given
  PytorchImportOptions options;
};

struct ImportArguments {
  std::string file;     // an ONNX file
  std::string pytorch;  // or a PyTorch state dict; one of the two is given
  std::string net;      // the network of --pytorch
  std::string task, classes, columns, target, input_shape, output, check;  // of an ONNX file
  std::string out;
  bool force = false, json = false, quiet = false;
  std::uint64_t threads = 0;
  PytorchArguments of_pytorch;
};

// A model, and what is said about it: a line for each convention that differs, and what was done about it.
struct Imported {
  Model model;
  std::string words;  // for standard output
  std::string json;   // an object, of the members that --json adds
};

void add_onnx_import_options(OptionTable& table, ImportArguments& arguments);
void add_pytorch_import_options(OptionTable& table, ImportArguments& arguments);

// Refuses options that are for a network of --pytorch alone, where that is not given.
void require_pytorch_sense(const OptionTable& table, const ImportArguments& arguments);

Imported import_onnx(const ImportArguments& arguments, const Messages& messages);
Imported import_pytorch(const ImportArguments& arguments, const Messages& messages);

}  // namespace ztilde::cli
