#include "onnx/import_check.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/files.hpp"
#include "base/text.hpp"
#include "onnx/import_file.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_import {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error(ErrorKind::data, where + ": " + what);
}

bool is_there(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

TensorPointer read_one(const std::string& path) {
  ::onnx::TensorProto proto;
  parse_proto(proto, read_file(path), shown_path(path), "a tensor of ONNX");
  return std::make_shared<const Tensor>(read_tensor(proto, "", shown_path(path)));
}

// A row of the network's outputs as the graph has them.
std::vector<double> as_in_graph(const float* outputs, std::size_t count, const Flow& end,
                                const Shape& image) {
  std::vector<double> row(outputs, outputs + count);
  if (!end.channels_last && image.channels > 1 && image.pixels() > 1) {
    for (std::size_t p = 0; p < image.pixels(); ++p) {
      for (std::size_t c = 0; c < image.channels; ++c)
        row[c * image.pixels() + p] = outputs[p * image.channels + c];
    }
  }
  if (end.ending == Ending::sigmoid) {
    for (double& number : row) number = 1 / (1 + std::exp(-number));
  }
  if (end.ending == Ending::softmax || end.ending == Ending::log_softmax) {
    const double largest = *std::ranges::max_element(row);
    double sum = 0;
    for (const double number : row) sum += std::exp(number - largest);
    for (double& number : row) {
      const double log = number - largest - std::log(sum);
      number = end.ending == Ending::softmax ? std::exp(log) : log;
    }
  }
  return row;
}

}  // namespace

TestData read_test_data(const std::string& folder) {
  TestData data{folder, {}, nullptr};
  const auto path = [&](const std::string& name) { return folder + "/" + name + ".pb"; };
  if (!is_there(path("input_0")) || !is_there(path("output_0"))) {
    throw Error(ErrorKind::io,
                fmt::format("{}: has no input_0.pb and output_0.pb; give a folder of ONNX test data such as "
                            "test_data_set_0",
                            shown_path(folder)));
  }
  for (std::size_t i = 0; is_there(path(fmt::format("input_{}", i))); ++i)
    data.inputs.push_back(read_one(path(fmt::format("input_{}", i))));
  data.output = read_one(path("output_0"));
  return data;
}

std::vector<float> rows_of(const TestData& data, const Dims& image, bool channels_last) {
  const Tensor& tensor = *data.inputs[0];
  const Shape shape = shape_of(image, channels_last);
  std::vector<float> rows(tensor.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t row = i / shape.size(), rest = i % shape.size();
    const std::size_t c = rest / shape.pixels(), p = rest % shape.pixels();
    const std::size_t place = channels_last ? rest : p * shape.channels + c;
    rows[row * shape.size() + place] = static_cast<float>(tensor.number(i));
  }
  return rows;
}

OnnxCheck check(const Model& model, const std::vector<float>& rows, const TestData& data, const Flow& end,
                const Shape& image, const OnnxImportOptions& options) {
  const std::string where = shown_path(data.folder);
  const std::size_t count = layer_outputs(model.network).back();
  OnnxCheck check;
  check.rows = rows.size() / model.network.inputs;
  check.numbers = check.rows * count;
  if (data.output->size() != check.numbers) {
    refuse(where, fmt::format("output_0.pb has {}, the model gives {} for each of {}",
                              counted(data.output->size(), "number"), count, counted(check.rows, "row")));
  }
  const std::vector<float> given = outputs(model, rows, options.threads);
  double worst = 0;
  std::size_t worst_at = 0;
  double worst_given = 0;
  for (std::size_t r = 0; r < check.rows; ++r) {
    const std::vector<double> row = as_in_graph(given.data() + r * count, count, end, image);
    for (std::size_t i = 0; i < count; ++i) {
      const double expected = data.output->number(r * count + i), off = std::abs(row[i] - expected);
      const double share = off / (options.absolute + options.relative * std::abs(expected));
      check.difference = std::max(check.difference, off);
      check.largest_output = std::max(check.largest_output, std::abs(expected));
      if (share <= worst) continue;  // of a NaN this is false
      worst = std::isnan(share) ? std::numeric_limits<double>::infinity() : share;
      worst_at = r * count + i;
      worst_given = row[i];
    }
  }
  if (worst > 1) {
    refuse(where, fmt::format("in row {}, output {} is {:.9g}, the imported model gives {:.9g}; off by more "
                              "than {} + {} · |output|, so "
                              "nothing is written",
                              worst_at / count, worst_at % count, data.output->number(worst_at), worst_given,
                              options.absolute, options.relative));
  }
  return check;
}

}  // namespace ztilde::onnx_import
