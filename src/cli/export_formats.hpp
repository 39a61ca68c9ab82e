// The formats of ztilde export, one file each: export_onnx.cpp, export_c.cpp, export_pytorch.cpp.
#pragma once

#include <cstdint>
#include <string>

#include "cli/input.hpp"
#include "cli/options.hpp"
#include "cli/streams.hpp"
#include "ztilde/model.hpp"
#include "ztilde/onnx_export.hpp"

namespace ztilde::cli {

struct OnnxExportArguments {
  OnnxExportOptions graph;
  bool fold = false;
  std::string test_data;  // a folder
  InputFiles input;       // the rows of the test data; none: the model's test rows
  std::uint64_t rows = 1000;
};

struct CExportArguments {
  std::string name;  // what all names begin with; empty: the file's name
};

struct ExportArguments {
  std::string model;
  std::string onnx, c, pytorch;  // what is written; one of them is given
  OnnxExportArguments of_onnx;
  std::string module;  // of --pytorch: the Python file beside it
  bool double_statistics = false;
  CExportArguments of_c;
  bool force = false, json = false, quiet = false;
  std::uint64_t threads = 0;
};

// Each adds the options of its format, the first of which names the file written.
void add_onnx_export_options(OptionTable& table, ExportArguments& arguments);
void add_c_export_options(OptionTable& table, ExportArguments& arguments);
void add_pytorch_export_options(OptionTable& table, ExportArguments& arguments);

// Each refuses the options of its format that make no sense: for another format all of them.
void require_onnx_sense(const OptionTable& table, const ExportArguments& arguments);
void require_pytorch_sense(const OptionTable& table, const ExportArguments& arguments);
void require_c_sense(const OptionTable& table, const ExportArguments& arguments);

// Each writes its file, which is locked and may be replaced, and returns what is to be said on standard
// output, with --json as one line.
std::string export_onnx(const Model& model, const ExportArguments& arguments, const Messages& messages);
std::string export_c(const Model& model, const ExportArguments& arguments, const Messages& messages);
std::string export_pytorch(const Model& model, const ExportArguments& arguments, const Messages& messages);

}  // namespace ztilde::cli
