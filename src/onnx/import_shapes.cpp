// Operators that leave the numbers as they are: which of them need a layer, and what a layout means for the
// dimensions. ztilde's images are channels last; flattened ones of ONNX are mostly channels first.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "onnx/import_operators.hpp"

namespace ztilde::onnx_import {
namespace {

std::string words(const Dims& dims) { return fmt::format("[{}]", fmt::join(dims, ", ")); }

// The same rows with other dimensions, `dims` without the rows' own.
void set_reshaped(Walk& walk, const Node& node, const Dims& dims) {
  const Flow& stored = walk.flow(node, 0);
  // The one number of a row, at the end, may lose its dimension.
  const bool is_last_number = dims.empty() && stored.dims == Dims{1} && node.output(0) == walk.graph().output;
  if (dims == stored.dims || is_last_number) return walk.set(node, stored);
  if (elements_of(dims) != elements_of(stored.dims) || dims.empty()) {
    node.refuse(fmt::format("it makes rows of {} of rows of {}; ztilde keeps a row's numbers together",
                            words(dims), words(stored.dims)));
  }
  const Shape before = shape_of(stored.dims, stored.channels_last);
  // To as many pixels and channels, as [3, 1, 1] to [3].
  const Shape after = shape_of(dims, stored.channels_last && dims.size() > 1);
  if (before.channels == after.channels && !stored.flattened) {
    Flow flow = stored;
    flow.channels_last = stored.channels_last && dims.size() > 1;
    flow.dims = dims;
    return walk.set(node, flow);
  }
  if (dims.size() == 1) {
    const Flow images = walk.settled(node, 0);
    Flow flow = walk.add(images, Flatten{}, {1, 1, before.size()}, node);
    walk.parts().back().not_negative = walk.part(images).not_negative;
    flow.dims = dims;
    if (!images.channels_last && before.channels > 1) flow.flattened = walk.part(images).shape;
    flow.channels_last = false;
    if (flow.flattened) {
      walk.note("layout", fmt::format("{}: ONNX flattens channels first, ztilde channels last; what is for "
                                      "each of these {} is put into "
                                      "ztilde's order",
                                      node.label(), counted(before.size(), "number")));
    }
    return walk.set(node, flow);
  }
  const bool is_flat_input = stored.part == 0 && stored.dims.size() == 1 && stored.affine.scale.size() <= 1 &&
                             stored.affine.shift.size() <= 1 && stored.pending == Pending::none;
  if (is_flat_input && walk.graph().readers.at(node.input(0)) == 1 && walk.make_input_image(dims)) {
    Flow flow = stored;
    flow.dims = dims;
    walk.note("layout", fmt::format("{}: the input's flat rows are images of {}", node.label(), words(dims)));
    if (after.channels > 1)
      walk.note("layout",
                "its numbers are to be given channels last, where the file has them channels first");
    return walk.set(node, flow);
  }
  node.refuse(fmt::format(
      "it makes rows of {} of rows of {}; ztilde flattens images, and makes images of a flat input before "
      "its first layer",
      words(dims), words(stored.dims)));
}

TensorPointer with_dims(const Node& node, const Tensor& tensor, Dims dims) {
  if (elements_of(dims) != tensor.size()) {
    node.refuse(fmt::format("it makes {} of {} numbers; the file is damaged", words(dims), tensor.size()));
  }
  auto copy = std::make_shared<Tensor>(tensor);
  copy->dims = std::move(dims);
  return copy;
}

// What Reshape's dimensions stand for: 0 the one that was there, -1 what is left over.
Dims resolved(const Node& node, Dims wanted, const Dims& old, std::size_t size) {
  const bool zero_is_zero = node.whole("allowzero", 0) != 0;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0 && !zero_is_zero) {
      if (i >= old.size()) node.refuse("it keeps a dimension that is not there; the file is damaged");
      wanted[i] = old[i];
    } else if (wanted[i] == -1) {
      if (open) node.refuse("two of its dimensions are open; the file is damaged");
      open = i;
    }
  }
  if (!open) return wanted;
  wanted[*open] = 1;
  const std::size_t others = elements_of(wanted);
  if (others == 0 || others == kTooMany || size % others != 0)
    node.refuse(fmt::format("{} numbers do not fill {}; the file is damaged", size, words(wanted)));
  wanted[*open] = static_cast<std::int64_t>(size / others);
  return wanted;
}

// The axes of Squeeze and Unsqueeze, ascending, within `rank` dimensions.
Dims axes_of(Walk& walk, const Node& node, std::size_t rank) {
  Dims axes = node.wholes("axes").value_or(Dims{});
  if (node.has_input(1)) axes = walk.whole_numbers(node, 1, "axes");
  for (std::int64_t& axis : axes) {
    if (axis < 0) axis += static_cast<std::int64_t>(rank);
    if (axis < 0 || axis >= static_cast<std::int64_t>(rank))
      node.refuse(fmt::format("its axis {} is none of {} dimensions; the file is damaged", axis, rank));
  }
  std::ranges::sort(axes);
  if (std::ranges::adjacent_find(axes) != axes.end())
    node.refuse("it has an axis twice; the file is damaged");
  return axes;
}

Dims squeezed(const Node& node, const Dims& dims, Dims axes) {
  if (axes.empty()) {
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (dims[i] == 1) axes.push_back(static_cast<std::int64_t>(i));
    }
  }
  Dims kept;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const bool is_axis = std::ranges::binary_search(axes, static_cast<std::int64_t>(i));
    if (is_axis && dims[i] != 1)
      node.refuse(fmt::format("dimension {} is {}, not 1, and cannot be left out", i, dims[i]));
    if (!is_axis) kept.push_back(dims[i]);
  }
  return kept;
}

// The rows stay the first dimension.
Dims rows_and(const Dims& dims) {
  Dims all{kRows};
  all.insert(all.end(), dims.begin(), dims.end());
  return all;
}

void set_reshaped_with_rows(Walk& walk, const Node& node, const Dims& dims) {
  if (dims.empty() || dims.front() != kRows)
    node.refuse("the rows do not stay its first dimension; ztilde keeps rows apart");
  set_reshaped(walk, node, Dims(dims.begin() + 1, dims.end()));
}

TensorPointer transposed(const Tensor& tensor, const Dims& order) {
  const std::size_t rank = tensor.dims.size();
  auto result = std::make_shared<Tensor>(tensor);
  std::vector<std::size_t> steps(rank, 1), from(rank);
  for (std::size_t i = rank; i-- > 1;) steps[i - 1] = steps[i] * static_cast<std::size_t>(tensor.dims[i]);
  for (std::size_t i = 0; i < rank; ++i) {
    result->dims[i] = tensor.dims[static_cast<std::size_t>(order[i])];
    from[i] = steps[static_cast<std::size_t>(order[i])];
  }
  std::visit(
      [&](auto& to) {
        const auto& numbers = std::get<std::remove_cvref_t<decltype(to)>>(tensor.numbers);
        for (std::size_t i = 0; i < to.size(); ++i) {
          std::size_t rest = i, place = 0;
          for (std::size_t k = rank; k-- > 0;) {
            const auto dim = static_cast<std::size_t>(result->dims[k]);
            place += rest % dim * from[k];
            rest /= dim;
          }
          to[i] = numbers[place];
        }
      },
      result->numbers);
  return result;
}

Dims order_of(const Node& node, std::size_t rank) {
  Dims order;
  for (std::size_t i = rank; i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
  order = node.wholes("perm").value_or(order);
  Dims sorted = order;
  std::ranges::sort(sorted);
  bool is_order = order.size() == rank;
  for (std::size_t i = 0; is_order && i < rank; ++i) is_order = sorted[i] == static_cast<std::int64_t>(i);
  if (!is_order)
    node.refuse(
        fmt::format("perm is {}, no order of {} dimensions; the file is damaged", words(order), rank));
  return order;
}

}  // namespace

void convert_identity(Walk& walk, const Node& node) {
  if (node.operation() == "Cast" && walk.is_flow(node, 0)) {
    using Proto = ::onnx::TensorProto;
    const std::int64_t to = node.whole("to", Proto::FLOAT);
    if (to != Proto::FLOAT && to != Proto::DOUBLE && to != Proto::FLOAT16 && to != Proto::BFLOAT16)
      node.refuse("it rounds what comes of the rows to whole numbers; ztilde computes with floats");
    if (to != Proto::FLOAT)
      walk.note("numbers", node.label() + ": ztilde computes with floats of 32 bits throughout");
  }
  if (!node.has_input(0)) node.refuse("it has no input; the file is damaged");
  walk.set(node, walk.value(node.input(0), node));
}

void convert_flatten(Walk& walk, const Node& node) {
  std::int64_t axis = node.whole("axis", 1);
  if (!walk.is_flow(node, 0)) node.refuse("its input is constant; ztilde flattens what comes of the rows");
  const Flow& flow = walk.flow(node, 0);
  if (axis < 0) axis += static_cast<std::int64_t>(flow.dims.size()) + 1;
  if (axis != 1) node.refuse(fmt::format("axis is {}, so that the rows would not stay apart; use 1", axis));
  set_reshaped(walk, node, {static_cast<std::int64_t>(elements_of(flow.dims))});
}

void convert_reshape(Walk& walk, const Node& node) {
  Dims wanted = node.wholes("shape").value_or(Dims{});
  if (node.has_input(1)) wanted = walk.whole_numbers(node, 1, "shape");
  if (!walk.is_flow(node, 0)) {
    const TensorPointer tensor = walk.constant(node, 0, "input");
    return walk.set(node, with_dims(node, *tensor, resolved(node, wanted, tensor->dims, tensor->size())));
  }
  const Flow& flow = walk.flow(node, 0);
  if (wanted.empty()) node.refuse("its shape is empty; ztilde keeps the rows apart");
  // The first is the rows': as many as there are, or as many as the file was exported with.
  const Dims rest(wanted.begin() + 1, wanted.end());
  const bool rest_is_open = std::ranges::find(rest, -1) != rest.end();
  if (wanted.front() == -1 && rest_is_open)
    node.refuse("two of its dimensions are open; the file is damaged");
  Dims shifted = flow.dims;
  const Dims dims = resolved(node, rest, shifted, elements_of(flow.dims));
  set_reshaped(walk, node, dims);
}

void convert_squeeze(Walk& walk, const Node& node) {
  if (!walk.is_flow(node, 0)) {
    const TensorPointer tensor = walk.constant(node, 0, "input");
    return walk.set(node, with_dims(node, *tensor,
                                    squeezed(node, tensor->dims, axes_of(walk, node, tensor->dims.size()))));
  }
  const Dims dims = rows_and(walk.flow(node, 0).dims);
  set_reshaped_with_rows(walk, node, squeezed(node, dims, axes_of(walk, node, dims.size())));
}

void convert_unsqueeze(Walk& walk, const Node& node) {
  const bool is_flow = walk.is_flow(node, 0);
  Dims dims = is_flow ? rows_and(walk.flow(node, 0).dims) : walk.constant(node, 0, "input")->dims;
  const std::size_t given = node.has_input(1) ? walk.whole_numbers(node, 1, "axes").size()
                                              : node.wholes("axes").value_or(Dims{}).size();
  if (given > 16) node.refuse("it adds more than 16 dimensions");
  for (const std::int64_t axis : axes_of(walk, node, dims.size() + given)) {
    dims.insert(dims.begin() + std::min<std::ptrdiff_t>(axis, std::ssize(dims)), 1);
  }
  if (is_flow) return set_reshaped_with_rows(walk, node, dims);
  walk.set(node, with_dims(node, *walk.constant(node, 0, "input"), dims));
}

void convert_transpose(Walk& walk, const Node& node) {
  if (!walk.is_flow(node, 0)) {
    const TensorPointer tensor = walk.constant(node, 0, "input");
    return walk.set(node, transposed(*tensor, order_of(node, tensor->dims.size())));
  }
  Flow flow = walk.flow(node, 0);
  const std::size_t rank = flow.dims.size() + 1;
  const Dims order = order_of(node, rank);
  Dims same, to_last{0}, to_first{0, static_cast<std::int64_t>(rank) - 1};
  for (std::size_t i = 0; i < rank; ++i) same.push_back(static_cast<std::int64_t>(i));
  for (std::size_t i = 2; i < rank; ++i) to_last.push_back(static_cast<std::int64_t>(i));
  to_last.push_back(1);
  for (std::size_t i = 1; i + 1 < rank; ++i) to_first.push_back(static_cast<std::int64_t>(i));
  if (order == same) return walk.set(node, flow);
  if (rank < 3 || order != (flow.channels_last ? to_first : to_last)) {
    node.refuse(fmt::format(
        "it orders dimensions {}; ztilde knows the change between channels first and channels last, {}",
        words(order), words(flow.channels_last ? to_first : to_last)));
  }
  Dims dims;
  for (std::size_t i = 1; i < rank; ++i) dims.push_back(flow.dims[static_cast<std::size_t>(order[i] - 1)]);
  flow.dims = dims;
  flow.channels_last = !flow.channels_last;
  walk.note("layout",
            fmt::format("{}: dropped, as ztilde's images are channels last throughout", node.label()));
  walk.set(node, flow);
}

void convert_shape(Walk& walk, const Node& node) {
  Dims all =
      walk.is_flow(node, 0) ? rows_and(walk.flow(node, 0).dims) : walk.constant(node, 0, "input")->dims;
  const auto rank = static_cast<std::int64_t>(all.size());
  const auto place = [&](const char* name, std::int64_t standard) {
    const std::int64_t given = node.whole(name, standard);
    return std::clamp<std::int64_t>(given < 0 && given >= -rank ? given + rank : given, 0, rank);
  };
  const std::int64_t start = place("start", 0), end = std::max(start, place("end", rank));
  auto shape = std::make_shared<Tensor>();
  shape->dims = {end - start};
  shape->numbers = Dims(all.begin() + start, all.begin() + end);
  walk.set(node, shape);
}

}  // namespace ztilde::onnx_import
