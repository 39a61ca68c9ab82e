#include "layers/encode.hpp"

#include <fmt/format.h>

namespace ztilde {
namespace layers {
namespace {

std::string contradiction_of(const EncodedColumn& column) {
  if (column.kind == Encoding::numeric) {
    if (column.categories > 0) return "a numeric column has no \"categories\"; leave them out";
    if (column.width > 0) return "a numeric column has no \"width\"; leave it out";
    if (column.knots == 1) return "\"knots\" is 1; a map needs at least 2, or 0 for none";
    return "";
  }
  const std::string kind(name_of(column.kind));
  if (column.categories == 0) return fmt::format("\"categories\" is 0; {} needs at least 1", kind);
  if (column.missing != MissingValue::none || column.knots > 0) {
    return fmt::format("\"missing\" and \"knots\" are for numbers; leave them out of {}", kind);
  }
  if (column.kind == Encoding::one_hot && column.width > 0) return "one_hot has no \"width\"; leave it out";
  if (column.kind == Encoding::embedding && column.width == 0)
    return "\"width\" is 0; embedding needs at least 1";
  return "";
}

}  // namespace

EncodeLayout layout_of(const Encode& layer) {
  EncodeLayout layout;
  layout.columns.resize(layer.columns.size());
  const auto add = [&](auto&& wanted, auto&& features) {
    for (std::size_t c = 0; c < layer.columns.size(); ++c) {
      const EncodedColumn& column = layer.columns[c];
      if (!wanted(column)) continue;
      features(layout.columns[c], column);
    }
  };
  const auto is = [](Encoding kind) {
    return [kind](const EncodedColumn& column) { return column.kind == kind; };
  };
  const auto place = [&](EncodeLayout::Place& of, std::size_t count) {
    of.first = layout.features;
    of.count = count;
    layout.features += count;
  };
  add(is(Encoding::numeric), [&](auto& of, const auto&) { place(of, 1); });
  layout.values = layout.features;
  add([](const auto& column) { return column.missing == MissingValue::indicator; },
      [&](auto& of, const auto&) { of.indicator = layout.features++; });
  add(is(Encoding::one_hot), [&](auto& of, const auto& column) { place(of, column.categories + 1); });
  layout.tables = layout.features;
  add(is(Encoding::embedding), [&](auto& of, const auto& column) { place(of, column.width); });
  return layout;
}

std::string contradiction(const Encode& layer) {
  for (std::size_t c = 0; c < layer.columns.size(); ++c) {
    const std::string what = contradiction_of(layer.columns[c]);
    if (!what.empty()) return fmt::format("column {}: {}", c, what);
  }
  return "";
}

Shape output_shape(const Encode& layer, const Shape&) { return {1, 1, layout_of(layer).features}; }

std::vector<ParameterShape> parameters(const Encode& layer, const Shape&) {
  std::vector<ParameterShape> shapes;
  for (std::size_t c = 0; c < layer.columns.size(); ++c) {
    const EncodedColumn& column = layer.columns[c];
    if (column.kind == Encoding::embedding)
      shapes.push_back({"weight", column.categories + 1, column.width, true, c});
  }
  return shapes;
}

}  // namespace layers

std::vector<EncodingSlot> encoding_slots(const Network& network) {
  std::vector<EncodingSlot> slots;
  std::size_t end = 0;
  const auto add = [&](std::size_t column, std::string_view name, std::size_t size) {
    if (size > 0) slots.push_back({column, name, size, end});
    end += size;
  };
  const auto* encode = network.layers.empty() ? nullptr : std::get_if<Encode>(&network.layers.front());
  if (encode == nullptr) return slots;
  for (std::size_t c = 0; c < encode->columns.size(); ++c) {
    const EncodedColumn& column = encode->columns[c];
    if (column.kind == Encoding::numeric) {
      add(c, "fill", column.missing == MissingValue::none ? 0 : 1);
      add(c, "knots", column.knots);
      add(c, "values", column.knots);
    } else {
      add(c, "frequency", column.categories + 1);
    }
  }
  return slots;
}

}  // namespace ztilde
