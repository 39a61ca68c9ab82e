// ONNX files as models: the library ztilde_onnx, which whoever needs none of it does not load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ztilde/model.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde {

struct OnnxImportOptions {
  std::optional<Task> task;          // empty: the file's own, else by what its network ends with
  std::vector<std::string> classes;  // names, by output; empty: the file's own, else "0", "1", …
  std::vector<std::string> columns;  // names of a table's columns; empty: the file's own, else only counted
  std::string target;                // what the outputs are about; empty: the file's own, else not known
  // What was done to rows before the graph saw them; it becomes the model's standardise layer.
  std::optional<InputScaling> input_scaling;
  std::string output;  // the value of the graph to end at; empty: its only output
  std::vector<std::size_t>
      input;               // a row of the input as the graph has it, such as {3, 32, 32}; empty: the file's
  std::string check;       // a folder with input_0.pb, output_0.pb, …; empty: none
  double relative = 1e-5;  // what the check allows: absolute + relative · |expected|
  double absolute = 1e-6;
  // The most numbers that the model and one row on its way through it may have.
  std::size_t most_numbers = std::size_t{1} << 28;
  // The most multiplications that one row may need.
  double most_products = 1e12;
  std::size_t threads = 0;  // of the check; 0: all cores, the result is the same for any number
};

// One thing that is not in the model as it was in the file, or that the file leaves open.
struct OnnxNote {
  std::string about;  // "batch norm", "layout", "dropped", …
  std::string text;
};

// What the folder of a check said of the model.
struct OnnxCheck {
  std::size_t rows = 0;
  std::size_t numbers = 0;    // outputs compared
  double difference = 0;      // the largest
  double largest_output = 0;  // of the expected ones
};

struct OnnxImport {
  Model model;
  std::string producer;  // name and version, as the file has them
  std::int64_t ir_version = 0;
  std::int64_t opset = 0;
  std::size_t nodes = 0;  // of the graph
  std::vector<OnnxNote> notes;
  std::optional<OnnxCheck> check;
};

// The network of an ONNX file, with its conventions and its numbers. Throws Error(data) that names the node,
// its operator and its opset for what ztilde has no layer for, and for outputs that the check's folder
// contradicts. Reads external data from the file's own folder only.
OnnxImport import_onnx(const std::string& path, const OnnxImportOptions& options = {});

}  // namespace ztilde
