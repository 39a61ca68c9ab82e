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
  PytorchImportOptions options;
};

// What only an ONNX file asks for.
struct OnnxArguments {
  std::string input_shape, output, check;
};

// What no format says: what was done to rows before the module saw them, and what its outputs are.
struct RowsAndAnswers {
  std::optional<double> scale;
  std::vector<double> mean, deviation;  // empty: not given
  std::optional<Task> task;
  std::vector<std::string> classes, columns;
  std::string target;
  std::optional<InputScaling> input_scaling() const;  // empty: nothing of it is given
};

struct ImportArguments {
  std::string file;     // an ONNX file
  std::string pytorch;  // or a PyTorch state dict; one of the two is given
  std::string net;      // the network of --pytorch
  std::string out;
  bool force = false, json = false, quiet = false;
  std::uint64_t threads = 0;
  RowsAndAnswers rows_and_answers;
  OnnxArguments of_onnx;
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
void add_rows_and_answers_options(OptionTable& table, RowsAndAnswers& given);

// Refuse what is for the other format.
void require_onnx_sense(const OptionTable& table, const ImportArguments& arguments);
void require_pytorch_sense(const OptionTable& table, const ImportArguments& arguments);

Imported import_onnx(const ImportArguments& arguments, const Messages& messages);
Imported import_pytorch(const ImportArguments& arguments, const Messages& messages);

}  // namespace ztilde::cli
