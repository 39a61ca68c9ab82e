// Conv: a conv2d layer has one square kernel, one stride, the same padding on all sides, no dilation, and is
// whole or depthwise. Other kernels, paddings and groups are those with zeros put into the weights, where
// such a kernel exists: the sums stay what they were.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "layers/windows.hpp"
#include "onnx/import_operators.hpp"
#include "onnx/import_windows.hpp"

namespace ztilde::onnx_import {
namespace {

// Zeros are put in as long as the weights do not become many times as many.
constexpr std::size_t kMostKernelWithZeros = 31;

struct SquareKernel {
  std::size_t kernel = 0, padding = 0;
  std::size_t top = 0, left = 0;  // where the file's kernel begins in it
};

// The smallest square kernel and padding with the same windows: as many, and the file's kernel at the same
// places of each.
std::optional<SquareKernel> square_kernel(const Windows& windows) {
  std::optional<SquareKernel> best;
  const std::size_t least = std::max(windows.before[0], windows.before[1]);
  for (std::size_t padding = least; padding <= least + kMostKernelWithZeros; ++padding) {
    const std::size_t top = padding - windows.before[0], left = padding - windows.before[1];
    const std::size_t smallest = std::max({top + windows.kernel[0], left + windows.kernel[1], padding + 1});
    for (std::size_t kernel = smallest; kernel <= std::max(smallest, kMostKernelWithZeros); ++kernel) {
      if (best && best->kernel <= kernel) break;
      const auto fits = [&](int i) {
        return layers::windows_along(windows.size[i], kernel, windows.stride[i], padding) ==
               windows.outputs[i];
      };
      if (fits(0) && fits(1)) best = SquareKernel{kernel, padding, top, left};
    }
  }
  const bool is_own = best && best->kernel == windows.kernel[0] && best->kernel == windows.kernel[1];
  if (best && !is_own && best->kernel > kMostKernelWithZeros) return std::nullopt;
  return best;
}

std::string side_words(const Windows& windows) {
  return fmt::format(
      "a kernel of {} × {} pixels, padding {} and {} above and below, {} and {} left and right",
      windows.kernel[0], windows.kernel[1], windows.before[0], windows.after[0], windows.before[1],
      windows.after[1]);
}

SquareKernel require_square(const Node& node, const Windows& windows) {
  if (windows.stride[0] != windows.stride[1]) {
    node.refuse(fmt::format("its strides are {} and {}; ztilde's conv2d has one for both", windows.stride[0],
                            windows.stride[1]));
  }
  const std::optional<SquareKernel> square = square_kernel(windows);
  if (!square) {
    node.refuse(fmt::format(
        "it has {}; ztilde's conv2d has a square kernel and the same padding on all sides, and none of up "
        "to {} pixels has these windows. Make the kernel square",
        side_words(windows), kMostKernelWithZeros));
  }
  return *square;
}

struct Groups {
  std::size_t count = 1, inputs = 0, outputs = 0;  // of a group
  bool depthwise = false;
};

Groups read_groups(const Node& node, const Flow& images, const Dims& weight) {
  const std::int64_t count = node.whole("group", 1);
  const auto channels = static_cast<std::int64_t>(images.channels());
  if (count < 1 || count > channels || channels % count != 0 || weight[0] % count != 0) {
    node.refuse(fmt::format("group is {}, and {} channels enter and {} leave it; the file is damaged", count,
                            channels, weight[0]));
  }
  if (weight[1] != channels / count) {
    node.refuse(fmt::format("its weight has {} channels in a group, {} enter it; the file is damaged",
                            weight[1], channels / count));
  }
  Groups groups{static_cast<std::size_t>(count), static_cast<std::size_t>(weight[1]),
                static_cast<std::size_t>(weight[0] / count), false};
  groups.depthwise = count > 1 && groups.inputs == 1 && groups.outputs == 1;
  return groups;
}

void tell(Walk& walk, const Node& node, const Windows& windows, const SquareKernel& square,
          const Groups& groups, const Dims& weight) {
  const auto stays = [&](int i) {
    return static_cast<std::size_t>(weight[2 + i]) == square.kernel && windows.before[i] == square.padding;
  };
  if (!stays(0) || !stays(1)) {
    const bool dilated = windows.dilation[0] > 1 || windows.dilation[1] > 1;
    walk.note(
        "convolution",
        fmt::format("{}: {}{} is one of {} × {} with padding {} and zeros in it; training would fill them",
                    node.label(), side_words(windows), dilated ? " with dilation" : "", square.kernel,
                    square.kernel, square.padding));
  }
  if (groups.count > 1 && !groups.depthwise) {
    walk.note(
        "convolution",
        fmt::format(
            "{}: its {} groups are one convolution with zeros between them, {} times the weights; training "
            "would fill them",
            node.label(), groups.count, groups.count));
  }
}

// [outputs, inputs, kernel, kernel], inputs 1 of a depthwise one.
std::vector<float> spread(const std::vector<double>& numbers, const Dims& dims, const Windows& windows,
                          const SquareKernel& square, const Groups& groups) {
  const std::size_t outputs = groups.count * groups.outputs;
  const std::size_t inputs = groups.depthwise ? 1 : groups.count * groups.inputs;
  std::vector<float> weight(outputs * inputs * square.kernel * square.kernel);
  std::size_t next = 0;
  for (std::size_t o = 0; o < outputs; ++o) {
    const std::size_t first = groups.depthwise ? 0 : o / groups.outputs * groups.inputs;
    for (std::size_t i = first; i < first + groups.inputs; ++i) {
      float* kernel = weight.data() + (o * inputs + i) * square.kernel * square.kernel;
      for (std::size_t y = 0; y < static_cast<std::size_t>(dims[2]); ++y) {
        for (std::size_t x = 0; x < static_cast<std::size_t>(dims[3]); ++x) {
          const std::size_t row = square.top + y * windows.dilation[0],
                            column = square.left + x * windows.dilation[1];
          kernel[row * square.kernel + column] = static_cast<float>(numbers[next++]);
        }
      }
    }
  }
  return weight;
}

}  // namespace

void convert_conv(Walk& walk, const Node& node) {
  const Flow images = read_images(walk, node, "a convolution");
  const TensorPointer tensor = walk.constant(node, 1, "weight");
  const Dims& dims = tensor->dims;
  if (dims.size() != 4 || tensor->size() == 0) {
    node.refuse(
        fmt::format("its weight has {} dimensions, that of a convolution over images has 4, none of them 0",
                    dims.size()));
  }
  if (const auto shape = node.wholes("kernel_shape"); shape && *shape != Dims(dims.begin() + 2, dims.end())) {
    node.refuse(fmt::format("kernel_shape is [{}], its weight's kernel {} × {}; the file is damaged",
                            fmt::join(*shape, ", "), dims[2], dims[3]));
  }
  const Windows windows = read_windows(node, images, {dims[2], dims[3]});
  const SquareKernel square = require_square(node, windows);
  const Groups groups = read_groups(node, images, dims);
  const std::size_t outputs = groups.count * groups.outputs;
  const std::size_t inputs = groups.depthwise ? 1 : groups.count * groups.inputs;
  walk.require_numbers(
      elements_of({static_cast<std::int64_t>(outputs), static_cast<std::int64_t>(inputs),
                   static_cast<std::int64_t>(square.kernel), static_cast<std::int64_t>(square.kernel)}),
      node);
  const std::vector<double> numbers = walk.numbers(node, 1, "weight");
  std::vector<double> bias;
  if (node.has_input(2)) bias = walk.numbers(node, 2, "bias", outputs);
  tell(walk, node, windows, square, groups, dims);

  const Conv2d conv{outputs,        square.kernel,    windows.stride[0],
                    square.padding, groups.depthwise, !bias.empty()};
  Flow flow = walk.add(images, conv, {windows.outputs[0], windows.outputs[1], outputs}, node);
  flow.dims = {static_cast<std::int64_t>(outputs), static_cast<std::int64_t>(windows.outputs[0]),
               static_cast<std::int64_t>(windows.outputs[1])};
  walk.parts().back().weight = spread(numbers, dims, windows, square, groups);
  walk.parts().back().bias.assign(bias.begin(), bias.end());
  walk.set(node, flow);
}

}  // namespace ztilde::onnx_import
