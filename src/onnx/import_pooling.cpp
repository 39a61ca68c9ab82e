// MaxPool, AveragePool and the mean over all pixels. ztilde's poolings have no padding: where the zeros of a
// padding change nothing, a depthwise convolution that only copies puts them around the image.
#include <fmt/format.h>

#include <algorithm>

#include "onnx/import_operators.hpp"
#include "onnx/import_windows.hpp"

namespace ztilde::onnx_import {
namespace {

Dims kernel_of(const Node& node) {
  const Dims kernel = node.wholes("kernel_shape").value_or(Dims{});
  if (kernel.size() != 2) {
    node.refuse(
        fmt::format("its kernel_shape is [{}]; over images it has 2 numbers", fmt::join(kernel, ", ")));
  }
  return kernel;
}

// ceil_mode asks for one more window at the end where the last pixels do not fill one.
void require_no_partial_windows(const Node& node, const Windows& windows) {
  if (node.whole("ceil_mode", 0) == 0) return;
  for (int i = 0; i < 2; ++i) {
    const std::size_t padded = windows.size[i] + windows.before[i] + windows.after[i];
    if ((padded - windows.kernel[i]) % windows.stride[i] != 0) {
      node.refuse(
          "ceil_mode is 1 and the last windows reach past the image; ztilde's poolings leave them out, as "
          "ceil_mode 0");
    }
  }
}

Windows read_pool(Walk& walk, const Node& node, const Flow& images) {
  const Windows windows = read_windows(node, images, kernel_of(node));
  if (windows.dilation[0] != 1 || windows.dilation[1] != 1)
    node.refuse("it has dilations; ztilde's poolings have none");
  if (windows.kernel[0] != windows.kernel[1] || windows.stride[0] != windows.stride[1]) {
    node.refuse(
        fmt::format("its kernel is {} × {} pixels with strides {} and {}; ztilde's poolings are square",
                    windows.kernel[0], windows.kernel[1], windows.stride[0], windows.stride[1]));
  }
  require_no_partial_windows(node, windows);
  if (node.outputs() > 1 && walk.graph().readers.count(node.output(1)) > 0)
    node.refuse("the places of its largest numbers are read too; ztilde has the numbers only");
  return windows;
}

// The images with so many zeros on all sides.
Flow padded(Walk& walk, const Node& node, const Flow& images, std::size_t padding) {
  const std::size_t channels = images.channels(), kernel = 2 * padding + 1;
  walk.require_numbers(channels * kernel * kernel, node);
  const Shape before = walk.part(images).shape;
  const bool not_negative = walk.part(images).not_negative;
  Flow flow = walk.add(images, Conv2d{channels, kernel, 1, 2 * padding, true, false},
                       {before.height + 2 * padding, before.width + 2 * padding, channels}, node);
  flow.dims = {images.dims[0], static_cast<std::int64_t>(before.height + 2 * padding),
               static_cast<std::int64_t>(before.width + 2 * padding)};
  Part& copy = walk.parts().back();
  copy.not_negative = not_negative;
  copy.weight.assign(channels * kernel * kernel, 0);
  for (std::size_t c = 0; c < channels; ++c) copy.weight[(c * kernel + padding) * kernel + padding] = 1;
  walk.note("added",
            fmt::format(
                "{}: its padding of {} is a depthwise convolution that copies the image with zeros around it",
                node.label(), padding));
  return flow;
}

Flow padded(Walk& walk, const Node& node, const Flow& images, const Windows& windows) {
  const std::size_t sides[] = {windows.before[0], windows.before[1], windows.after[0], windows.after[1]};
  if (!std::ranges::all_of(sides, [&](std::size_t side) { return side == sides[0]; })) {
    node.refuse("its padding is not the same on all sides; ztilde can put zeros around an image alike only");
  }
  return padded(walk, node, images, sides[0]);
}

void set_pooled(Walk& walk, const Node& node, const Flow& images, Layer layer, const Windows& windows) {
  const std::size_t channels = images.channels();
  const bool not_negative = walk.part(images).not_negative;
  Flow flow = walk.add(images, std::move(layer), {windows.outputs[0], windows.outputs[1], channels}, node);
  walk.parts().back().not_negative = not_negative;
  flow.dims = {static_cast<std::int64_t>(channels), static_cast<std::int64_t>(windows.outputs[0]),
               static_cast<std::int64_t>(windows.outputs[1])};
  walk.set(node, flow);
}

void set_mean_of_pixels(Walk& walk, const Node& node, const Flow& images, bool keep_dims) {
  const std::size_t channels = images.channels();
  const bool not_negative = walk.part(images).not_negative;
  Flow flow = walk.add(images, GlobalAveragePool{}, {1, 1, channels}, node);
  walk.parts().back().not_negative = not_negative;
  flow.dims.assign(keep_dims ? images.dims.size() : 1, 1);
  flow.channels_last = keep_dims && images.channels_last;
  flow.dims[flow.channel_axis()] = static_cast<std::int64_t>(channels);
  walk.set(node, flow);
}

}  // namespace

void convert_max_pool(Walk& walk, const Node& node) {
  Flow images = read_images(walk, node, "a pooling");
  const Windows windows = read_pool(walk, node, images);
  if (windows.is_padded() && !walk.part(images).not_negative) {
    node.refuse(
        "it has padding, where the largest number of a window may be below 0; ztilde's padding is 0, so put "
        "a relu "
        "before it or take the padding out");
  }
  if (windows.is_padded()) images = padded(walk, node, images, windows);
  set_pooled(walk, node, images, MaxPool{windows.kernel[0], windows.stride[0]}, windows);
}

void convert_average_pool(Walk& walk, const Node& node) {
  Flow images = read_images(walk, node, "a pooling");
  const Windows windows = read_pool(walk, node, images);
  if (windows.is_padded() && node.whole("count_include_pad", 0) == 0) {
    node.refuse(
        "it has padding that its means leave out; ztilde's poolings have none, take it out or set "
        "count_include_pad");
  }
  if (windows.is_padded()) images = padded(walk, node, images, windows);
  set_pooled(walk, node, images, AveragePool{windows.kernel[0], windows.stride[0]}, windows);
}

void convert_global_average_pool(Walk& walk, const Node& node) {
  const Flow images = walk.settled(node, 0);
  if (images.dims.size() < 2) node.refuse("its input has no pixels; leave it out");
  if (images.channels_last)
    node.refuse("its input was transposed to channels last; leave the transposition out");
  set_mean_of_pixels(walk, node, images, true);
}

void convert_reduce_mean(Walk& walk, const Node& node) {
  const Flow images = walk.settled(node, 0);
  Dims axes = node.wholes("axes").value_or(Dims{});
  if (node.has_input(1)) axes = walk.whole_numbers(node, 1, "axes");
  const auto rank = static_cast<std::int64_t>(images.dims.size()) + 1;
  for (std::int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  std::ranges::sort(axes);
  Dims pixels;
  for (std::int64_t axis = 1; axis < rank; ++axis) {
    if (axis != static_cast<std::int64_t>(images.channel_axis()) + 1) pixels.push_back(axis);
  }
  if (rank < 3 || axes != pixels) {
    node.refuse(fmt::format(
        "it is the mean over the dimensions [{}]; ztilde has that over all pixels of each channel, [{}]",
        fmt::join(axes, ", "), fmt::join(pixels, ", ")));
  }
  set_mean_of_pixels(walk, node, images, node.whole("keepdims", 1) != 0);
}

void convert_pad(Walk& walk, const Node& node) {
  Dims pads = node.wholes("pads").value_or(Dims{});
  if (node.has_input(1)) pads = walk.whole_numbers(node, 1, "pads");
  if (node.has_input(3)) node.refuse("it names the dimensions it pads; let the exporter write them all");
  const Flow& flow = walk.flow(node, 0);
  if (pads.size() != 2 * (flow.dims.size() + 1))
    node.refuse(fmt::format("it has {} paddings for {} dimensions; the file is damaged", pads.size(),
                            flow.dims.size() + 1));
  if (std::ranges::all_of(pads, [](std::int64_t pad) { return pad == 0; })) return walk.set(node, flow);
  const double value = node.has_input(2) ? walk.numbers(node, 2, "value", 1)[0] : node.real("value", 0);
  if (node.text("mode", "constant") != "constant" || value != 0)
    node.refuse("it pads with something other than 0; ztilde's padding is 0");
  const Flow images = read_images(walk, node, "a padding");
  const std::int64_t side = pads[2];
  if (pads != Dims{0, 0, side, side, 0, 0, side, side} || side < 0 || side > 64) {
    node.refuse(fmt::format(
        "its paddings are [{}]; ztilde can put up to 64 zeros around an image, as many on all sides",
        fmt::join(pads, ", ")));
  }
  walk.set(node, padded(walk, node, images, static_cast<std::size_t>(side)));
}

}  // namespace ztilde::onnx_import
