// ONNX graphs evaluated in double by the words of the operators' definitions, for tests: an oracle that knows
// nothing of ztilde's layers. Tensors are all of the rows at once, in the order of the file.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "onnx/onnx_pb.h"

namespace ztilde::onnx_import {

struct Array {
  std::vector<std::size_t> dims;
  std::vector<double> numbers;
  std::size_t size() const { return numbers.size(); }
};

class Evaluator {
 public:
  explicit Evaluator(const ::onnx::ModelProto& model) : graph_(model.graph()) {
    for (const auto& tensor : graph_.initializer()) {
      Array array;
      for (const auto dim : tensor.dims()) array.dims.push_back(static_cast<std::size_t>(dim));
      if (tensor.data_type() == ::onnx::TensorProto::INT64) {
        array.numbers.assign(tensor.int64_data().begin(), tensor.int64_data().end());
      } else {
        std::vector<float> floats(tensor.raw_data().size() / sizeof(float));
        std::memcpy(floats.data(), tensor.raw_data().data(), tensor.raw_data().size());
        array.numbers.assign(floats.begin(), floats.end());
      }
      values_[tensor.name()] = array;
    }
  }

  Array run(const Array& rows) {
    values_[graph_.input(0).name()] = rows;
    for (const auto& node : graph_.node()) values_[node.output(0)] = result(node);
    return values_.at(graph_.output(0).name());
  }

 private:
  using Node = ::onnx::NodeProto;

  static std::vector<std::size_t> list(const Node& node, const std::string& name,
                                       std::vector<std::size_t> standard) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.name() == name) standard.assign(attribute.ints().begin(), attribute.ints().end());
    }
    return standard;
  }
  static double number(const Node& node, const std::string& name, double standard) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.name() == name)
        return attribute.type() == ::onnx::AttributeProto::INT ? static_cast<double>(attribute.i())
                                                               : attribute.f();
    }
    return standard;
  }

  const Array& in(const Node& node, int i) const { return values_.at(node.input(i)); }

  template <class Function>
  static Array each(Array array, const Function& function) {
    for (double& number : array.numbers) number = function(number);
    return array;
  }

  // With the smaller one repeated where its dimension is 1.
  template <class Function>
  static Array both(const Array& a, const Array& b, const Function& function) {
    Array result;
    const std::size_t rank = std::max(a.dims.size(), b.dims.size());
    const auto dim = [&](const Array& array, std::size_t i) {
      const std::size_t missing = rank - array.dims.size();
      return i < missing ? 1 : array.dims[i - missing];
    };
    std::size_t size = 1;
    for (std::size_t i = 0; i < rank; ++i) {
      result.dims.push_back(std::max(dim(a, i), dim(b, i)));
      size *= result.dims.back();
    }
    for (std::size_t i = 0; i < size; ++i) {
      const auto at = [&](const Array& array) {
        std::size_t rest = i, place = 0, step = 1;
        for (std::size_t k = rank; k-- > 0;) {
          if (dim(array, k) > 1) place += rest % result.dims[k] * step;
          step *= dim(array, k);
          rest /= result.dims[k];
        }
        return array.numbers[place];
      };
      result.numbers.push_back(function(at(a), at(b)));
    }
    return result;
  }

  // visit(image, channel, y, x, pixel of the image or none, place in the kernel) for every place of every
  // window.
  struct Window {
    std::size_t height, width, kernel[2], stride[2], dilation[2], pad[2];
  };
  static Window window_of(const Node& node, const Array& x, std::vector<std::size_t> kernel) {
    kernel = list(node, "kernel_shape", kernel);
    const auto stride = list(node, "strides", {1, 1}), pads = list(node, "pads", {0, 0, 0, 0});
    const auto dilation = list(node, "dilations", {1, 1});
    Window w{};
    std::size_t out[2];
    for (int i = 0; i < 2; ++i) {
      w.kernel[i] = kernel[i], w.stride[i] = stride[i], w.dilation[i] = dilation[i], w.pad[i] = pads[i];
      const std::size_t reach = (kernel[i] - 1) * dilation[i] + 1;
      out[i] = (x.dims[2 + i] + pads[i] + pads[2 + i] - reach) / stride[i] + 1;
    }
    w.height = out[0], w.width = out[1];
    return w;
  }

  static Array conv(const Node& node, const Array& x, const Array& weight, const Array* bias) {
    const Window w = window_of(node, x, {weight.dims[2], weight.dims[3]});
    const auto groups = static_cast<std::size_t>(number(node, "group", 1));
    const std::size_t outputs = weight.dims[0], inputs = weight.dims[1], height = x.dims[2],
                      width = x.dims[3];
    Array result{{x.dims[0], outputs, w.height, w.width}, {}};
    for (std::size_t n = 0; n < x.dims[0]; ++n)
      for (std::size_t o = 0; o < outputs; ++o)
        for (std::size_t y = 0; y < w.height; ++y)
          for (std::size_t c = 0; c < w.width; ++c) {
            double sum = bias ? bias->numbers[o] : 0;
            for (std::size_t i = 0; i < inputs; ++i)
              for (std::size_t u = 0; u < w.kernel[0]; ++u)
                for (std::size_t v = 0; v < w.kernel[1]; ++v) {
                  const std::size_t row = y * w.stride[0] + u * w.dilation[0] - w.pad[0];
                  const std::size_t column = c * w.stride[1] + v * w.dilation[1] - w.pad[1];
                  if (row >= height || column >= width) continue;  // below 0 it wraps around
                  const std::size_t channel = o / (outputs / groups) * inputs + i;
                  sum += x.numbers[((n * x.dims[1] + channel) * height + row) * width + column] *
                         weight.numbers[((o * inputs + i) * w.kernel[0] + u) * w.kernel[1] + v];
                }
            result.numbers.push_back(sum);
          }
    return result;
  }

  static Array pool(const Node& node, const Array& x) {
    const Window w = window_of(node, x, {});
    const bool largest = node.op_type() == "MaxPool",
               counts_padding = number(node, "count_include_pad", 0) != 0;
    Array result{{x.dims[0], x.dims[1], w.height, w.width}, {}};
    for (std::size_t image = 0; image < x.dims[0] * x.dims[1]; ++image)
      for (std::size_t y = 0; y < w.height; ++y)
        for (std::size_t c = 0; c < w.width; ++c) {
          double most = -HUGE_VAL, sum = 0;
          std::size_t count = 0;
          for (std::size_t u = 0; u < w.kernel[0]; ++u)
            for (std::size_t v = 0; v < w.kernel[1]; ++v) {
              const std::size_t row = y * w.stride[0] + u - w.pad[0], column = c * w.stride[1] + v - w.pad[1];
              const bool inside = row < x.dims[2] && column < x.dims[3];
              count += inside || counts_padding;
              if (!inside) continue;
              const double pixel = x.numbers[(image * x.dims[2] + row) * x.dims[3] + column];
              most = std::max(most, pixel);
              sum += pixel;
            }
          result.numbers.push_back(largest ? most : sum / static_cast<double>(count));
        }
    return result;
  }

  static Array product(const Array& a, const Array& b, bool transposed) {
    const std::size_t outputs = b.dims[transposed ? 0 : 1], inputs = a.dims[1];
    Array result{{a.dims[0], outputs}, {}};
    for (std::size_t r = 0; r < a.dims[0]; ++r)
      for (std::size_t o = 0; o < outputs; ++o) {
        double sum = 0;
        for (std::size_t i = 0; i < inputs; ++i)
          sum += a.numbers[r * inputs + i] * b.numbers[transposed ? o * inputs + i : i * outputs + o];
        result.numbers.push_back(sum);
      }
    return result;
  }

  Array batch_norm(const Node& node) const {
    Array x = in(node, 0);
    const double epsilon = number(node, "epsilon", 1e-5);
    std::size_t pixels = 1;
    for (std::size_t i = 2; i < x.dims.size(); ++i) pixels *= x.dims[i];
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = i / pixels % x.dims[1];
      x.numbers[i] = in(node, 1).numbers[c] * (x.numbers[i] - in(node, 3).numbers[c]) /
                         std::sqrt(in(node, 4).numbers[c] + epsilon) +
                     in(node, 2).numbers[c];
    }
    return x;
  }

  static Array transposed(const Array& x, const std::vector<std::size_t>& order) {
    Array result = x;
    for (std::size_t k = 0; k < order.size(); ++k) result.dims[k] = x.dims[order[k]];
    for (std::size_t i = 0; i < x.size(); ++i) {
      std::vector<std::size_t> place(order.size());
      std::size_t rest = i;
      for (std::size_t k = order.size(); k-- > 0; rest /= result.dims[k])
        place[order[k]] = rest % result.dims[k];
      std::size_t from = 0;
      for (std::size_t k = 0; k < order.size(); ++k) from = from * x.dims[k] + place[k];
      result.numbers[i] = x.numbers[from];
    }
    return result;
  }

  Array result(const Node& node) const {
    const std::string& type = node.op_type();
    const Array& x = in(node, 0);
    if (type == "Add") return both(x, in(node, 1), [](double a, double b) { return a + b; });
    if (type == "Sub") return both(x, in(node, 1), [](double a, double b) { return a - b; });
    if (type == "Mul") return both(x, in(node, 1), [](double a, double b) { return a * b; });
    if (type == "Div") return both(x, in(node, 1), [](double a, double b) { return a / b; });
    if (type == "Neg") return each(x, [](double a) { return -a; });
    if (type == "Relu") return each(x, [](double a) { return std::max(a, 0.0); });
    if (type == "LeakyRelu") return each(x, [](double a) { return a < 0 ? 0.01 * a : a; });
    if (type == "Tanh") return each(x, [](double a) { return std::tanh(a); });
    if (type == "Sigmoid") return each(x, [](double a) { return 1 / (1 + std::exp(-a)); });
    if (type == "Erf") return each(x, [](double a) { return std::erf(a); });
    if (type == "Gelu") return each(x, [](double a) { return 0.5 * a * (1 + std::erf(a / std::sqrt(2.0))); });
    if (type == "Identity" || type == "Dropout" || type == "Softmax")
      return x;  // a softmax at the end is dropped
    if (type == "MatMul") return product(x, in(node, 1), false);
    if (type == "Gemm") {
      const double alpha = number(node, "alpha", 1), beta = number(node, "beta", 1);
      const Array sums = product(x, in(node, 1), number(node, "transB", 0) != 0);
      return both(sums, in(node, 2), [&](double a, double b) { return alpha * a + beta * b; });
    }
    if (type == "Conv") return conv(node, x, in(node, 1), node.input_size() > 2 ? &in(node, 2) : nullptr);
    if (type == "MaxPool" || type == "AveragePool") return pool(node, x);
    if (type == "BatchNormalization") return batch_norm(node);
    if (type == "Transpose") return transposed(x, list(node, "perm", {}));
    Array flat = x;
    if (type == "Flatten") {
      flat.dims = {x.dims[0], x.size() / x.dims[0]};
    } else if (type == "Reshape") {
      flat.dims = {x.dims[0]};
      for (std::size_t i = 1; i < in(node, 1).size(); ++i)
        flat.dims.push_back(static_cast<std::size_t>(in(node, 1).numbers[i]));
    } else if (type == "GlobalAveragePool") {
      flat = Array{{x.dims[0], x.dims[1], 1, 1}, {}};
      const std::size_t pixels = x.dims[2] * x.dims[3];
      for (std::size_t i = 0; i < x.size(); i += pixels) {
        double sum = 0;
        for (std::size_t p = 0; p < pixels; ++p) sum += x.numbers[i + p];
        flat.numbers.push_back(sum / static_cast<double>(pixels));
      }
    } else {
      throw std::runtime_error("the test's evaluator does not know " + type);
    }
    return flat;
  }

  const ::onnx::GraphProto& graph_;
  std::map<std::string, Array> values_;
};

}  // namespace ztilde::onnx_import
