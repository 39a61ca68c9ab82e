#include "onnx/import_windows.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "layers/windows.hpp"

namespace ztilde::onnx_import {
namespace {

// An attribute of `count` numbers, each from `least` on.
Dims read_list(const Node& node, const char* name, std::size_t count, std::int64_t least,
               std::int64_t standard) {
  const Dims list = node.wholes(name).value_or(Dims(count, standard));
  const auto allowed = [&](std::int64_t n) {
    return n >= least && n <= static_cast<std::int64_t>(layers::kMostWindow);
  };
  if (list.size() == count && std::ranges::all_of(list, allowed)) return list;
  node.refuse(fmt::format("{} is [{}]; it must be {} whole numbers from {} to {}", name,
                          fmt::join(list, ", "), count, least, layers::kMostWindow));
}

void pad_alike(Windows& windows, bool more_in_front) {
  for (int i = 0; i < 2; ++i) {
    const std::size_t outputs = (windows.size[i] + windows.stride[i] - 1) / windows.stride[i];
    const std::size_t reach = (outputs - 1) * windows.stride[i] + windows.kernel[i];
    const std::size_t all = reach > windows.size[i] ? reach - windows.size[i] : 0;
    windows.before[i] = more_in_front ? all - all / 2 : all / 2;
    windows.after[i] = all - windows.before[i];
  }
}

}  // namespace

Flow read_images(Walk& walk, const Node& node, const char* layer) {
  Flow images = walk.settled(node, 0);
  if (images.dims.size() != 3) {
    node.refuse(
        fmt::format("its input has {} dimensions; {} of ztilde works on images, which have 4: rows × "
                    "channels × height × width",
                    images.dims.size() + 1, layer));
  }
  if (images.channels_last) {
    node.refuse(
        "its input was transposed to channels last, where this operator wants channels first; leave the "
        "transposition out");
  }
  const Shape& shape = walk.part(images).shape;
  if (shape.height != static_cast<std::size_t>(images.dims[1]) ||
      shape.width != static_cast<std::size_t>(images.dims[2])) {
    node.refuse(fmt::format("its input was reshaped to other images of as many pixels; ztilde's stay {} × {}",
                            shape.height, shape.width));
  }
  return images;
}

Windows read_windows(const Node& node, const Flow& images, const Dims& kernel) {
  Windows windows;
  const Dims strides = read_list(node, "strides", 2, 1, 1), dilations = read_list(node, "dilations", 2, 1, 1);
  const Dims pads = read_list(node, "pads", 4, 0, 0);
  for (int i = 0; i < 2; ++i) {
    if (kernel[i] < 1 || kernel[i] > static_cast<std::int64_t>(layers::kMostWindow)) {
      node.refuse(fmt::format("its kernel is {} × {} pixels; a side must be from 1 to {}", kernel[0],
                              kernel[1], layers::kMostWindow));
    }
    windows.dilation[i] = static_cast<std::size_t>(dilations[i]);
    windows.kernel[i] = static_cast<std::size_t>(kernel[i] - 1) * windows.dilation[i] + 1;
    windows.stride[i] = static_cast<std::size_t>(strides[i]);
    windows.before[i] = static_cast<std::size_t>(pads[i]);
    windows.after[i] = static_cast<std::size_t>(pads[i + 2]);
    windows.size[i] = static_cast<std::size_t>(images.dims[i + 1]);
  }
  const std::string automatic = node.text("auto_pad", "NOTSET");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    pad_alike(windows, automatic == "SAME_LOWER");
  } else if (automatic == "VALID") {
    std::fill_n(windows.before, 2, 0);
    std::fill_n(windows.after, 2, 0);
  } else if (automatic != "NOTSET" && !automatic.empty()) {
    node.refuse("auto_pad is none of NOTSET, VALID, SAME_UPPER and SAME_LOWER; the file is damaged");
  }
  for (int i = 0; i < 2; ++i) {
    const std::size_t padded = windows.size[i] + windows.before[i] + windows.after[i];
    if (padded < windows.kernel[i]) {
      node.refuse(fmt::format("its kernel of {} × {} pixels does not fit into images of {} × {}",
                              windows.kernel[0], windows.kernel[1], windows.size[0], windows.size[1]));
    }
    windows.outputs[i] = (padded - windows.kernel[i]) / windows.stride[i] + 1;
  }
  return windows;
}

}  // namespace ztilde::onnx_import
