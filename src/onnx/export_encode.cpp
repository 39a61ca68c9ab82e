#include "onnx/export_encode.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "data/cells.hpp"
#include "layers/encode.hpp"

namespace ztilde::onnx_export {
namespace {

using ::onnx::TensorProto;
using ColumnNumbers = reference::ColumnNumbers<double>;

constexpr float kLargest = std::numeric_limits<float>::max();

Dims one(std::size_t size) { return {static_cast<std::int64_t>(size)}; }

Value concatenated(Graph& graph, const std::vector<Value>& values) {
  return values.size() == 1 ? values[0] : graph.node("Concat", values, {{"axis", std::int64_t{1}}});
}

// The columns of x [rows, all] with these numbers, in their order.
Value picked(Graph& graph, const Value& x, const std::vector<std::int64_t>& columns, std::size_t all) {
  std::vector<std::int64_t> every(all);
  std::iota(every.begin(), every.end(), 0);
  if (columns == every) return x;
  const Value index = graph.integers("columns", one(columns.size()), columns);
  return graph.node("Gather", {x, index}, {{"axis", std::int64_t{1}}});
}

// The index of a category from its text. However a missing one is spelt, it is the category "", if there is
// one.
Value index_of_text(Graph& graph, const Model& model, std::size_t column, const Value& text) {
  std::vector<std::string> keys = model.column_info[column].categories;
  Dims indices(keys.size());
  std::iota(indices.begin(), indices.end(), 0);
  const auto categories = static_cast<std::int64_t>(keys.size());
  const auto missing = std::ranges::find(keys, "");
  if (missing != keys.end()) {
    const std::int64_t index = missing - keys.begin();
    std::vector<std::string> words(kMissingWords.begin(), kMissingWords.end());
    words.insert(words.end(), model.rules.missing_words.begin(), model.rules.missing_words.end());
    for (const std::string& word : words) {
      if (std::ranges::find(keys, word) != keys.end()) continue;
      keys.push_back(word);
      indices.push_back(index);
    }
  }
  return graph.node("ai.onnx.ml.LabelEncoder", {text},
                    {{"keys_strings", keys}, {"values_int64s", indices}, {"default_int64", categories}});
}

// As layers::category_of: whatever is no category is the last slot.
Value slots_of_numbers(Graph& graph, const Value& x, const std::vector<float>& categories) {
  const Value count = graph.floats("categories", one(categories.size()), categories);
  const Value zero = graph.floats("zero", {}, std::vector<float>{0});
  const Value known =
      graph.node("And", {graph.node("GreaterOrEqual", {x, zero}), graph.node("Less", {x, count})});
  return graph.cast(graph.node("Where", {known, x, count}), TensorProto::INT64);
}

// Through the knots, all columns at once. The segment is the number of thresholds that x reaches: the first
// float not below each knot, so that the choice is exact. There it is value + slope (x − base), with the base
// a float and what rounding took from it in the value.
Value through_knots(Graph& graph, const Value& x, const std::vector<ColumnNumbers>& columns) {
  std::size_t most = 0;
  for (const ColumnNumbers& column : columns) most = std::max(most, column.knots.size());
  std::vector<float> thresholds, bases, slopes, values;
  std::vector<std::int32_t> firsts;
  const auto segment = [&](float base, double slope, double value) {
    bases.push_back(base);
    slopes.push_back(static_cast<float>(std::clamp(slope, -double{kLargest}, double{kLargest})));
    values.push_back(static_cast<float>(value));
  };
  for (const ColumnNumbers& column : columns) {
    firsts.push_back(static_cast<std::int32_t>(bases.size()));
    const std::size_t knots = column.knots.size();
    segment(0, 0, column.values.front());
    for (std::size_t i = 0; i < most; ++i) {
      const double knot = i < knots ? column.knots[i] : kLargest;
      const auto nearest = static_cast<float>(std::clamp(knot, -double{kLargest}, double{kLargest}));
      thresholds.push_back(nearest < knot ? std::nextafter(nearest, kLargest) : nearest);
      if (i + 1 >= knots) {
        segment(0, 0, column.values.back());
        continue;
      }
      const double step = column.knots[i + 1] - knot;
      const double slope = step > 0 ? (column.values[i + 1] - column.values[i]) / step : 0;
      segment(nearest, slope, column.values[i] + slope * (nearest - knot));
    }
  }
  const Dims matrix = {static_cast<std::int64_t>(columns.size()), static_cast<std::int64_t>(most)};
  const Value each = graph.node("Unsqueeze", {x, graph.integers("last_axis", {1}, Dims{2})});
  const Value reached = graph.node("GreaterOrEqual", {each, graph.floats("thresholds", matrix, thresholds)});
  const Value count = graph.node(
      "ReduceSum", {graph.cast(reached, TensorProto::INT32), graph.integers("knots_axis", {1}, Dims{2})},
      {{"keepdims", std::int64_t{0}}});
  const Value at = graph.node("Add", {count, graph.integers32("first_segments", one(firsts.size()), firsts)});
  const auto of_segment = [&](const char* name, const std::vector<float>& numbers) {
    return graph.node("Gather", {graph.floats(name, one(numbers.size()), numbers), at});
  };
  const Value off = graph.node("Sub", {x, of_segment("bases", bases)});
  const Value rise = graph.node("Mul", {off, of_segment("slopes", slopes)});
  return graph.node("Add", {of_segment("segment_values", values), rise});
}

class ColumnEncoder {
 public:
  ColumnEncoder(Graph& graph, const Model& model, const Interface& interface,
                const std::vector<Value>& inputs)
      : graph_(graph),
        model_(model),
        interface_(interface),
        inputs_(inputs),
        encode_(std::get<Encode>(model.network.layers.front())),
        slots_(encoding_slots(model.network)) {
    for (std::size_t c = 0; c < encode_.columns.size(); ++c)
      (encode_.columns[c].kind == Encoding::numeric ? numeric_ : categorical_).push_back(c);
  }

  Value features() {
    std::vector<Value> parts;
    if (!numeric_.empty()) add_numbers(parts);
    if (!categorical_.empty()) {
      categories_ = all_slots();
      add_one_hots(parts);
      add_tables(parts);
    }
    return concatenated(graph_, parts);
  }

 private:
  const EncodedColumn& column(std::size_t c) const { return encode_.columns[c]; }
  ColumnNumbers numbers(std::size_t c) const { return {slots_, model_.statistics, c}; }

  // Those columns as floats [rows, as many]. A text that the network takes as a number is its index.
  Value numbers_of(const std::vector<std::size_t>& columns) {
    if (!interface_.by_column) {
      return picked(graph_, inputs_[0], {columns.begin(), columns.end()}, encode_.columns.size());
    }
    std::vector<Value> values;
    for (const std::size_t c : columns) {
      const Value& input = inputs_[c];
      values.push_back(interface_.texts[c]
                           ? graph_.cast(index_of_text(graph_, model_, c, input), TensorProto::FLOAT)
                           : input);
    }
    return concatenated(graph_, values);
  }

  void add_numbers(std::vector<Value>& parts) {
    const Value raw = numbers_of(numeric_);
    Value x = mapped(raw);
    std::vector<double> fills;
    std::vector<std::int64_t> flagged;
    bool fills_any = false;
    for (std::size_t i = 0; i < numeric_.size(); ++i) {
      const ColumnNumbers of = numbers(numeric_[i]);
      fills_any |= !of.fill.empty();
      // What the model was not trained to fill in stays missing.
      fills.push_back(of.fill.empty() ? std::numeric_limits<double>::quiet_NaN() : of.fill[0]);
      if (column(numeric_[i]).missing == MissingValue::indicator)
        flagged.push_back(static_cast<std::int64_t>(i));
    }
    if (!fills_any) return parts.push_back(x);
    const Value missing = graph_.node("IsNaN", {raw});
    const Value fill = graph_.floats("fill", one(fills.size()), fills);
    parts.push_back(graph_.node("Where", {missing, fill, x}));
    if (flagged.empty()) return;
    parts.push_back(picked(graph_, graph_.cast(missing, TensorProto::FLOAT), flagged, numeric_.size()));
  }

  // Those with knots through them; the others as they are.
  Value mapped(const Value& x) {
    std::vector<std::int64_t> with, without;
    std::vector<ColumnNumbers> maps;
    for (std::size_t i = 0; i < numeric_.size(); ++i) {
      (column(numeric_[i]).knots > 0 ? with : without).push_back(static_cast<std::int64_t>(i));
      if (column(numeric_[i]).knots > 0) maps.push_back(numbers(numeric_[i]));
    }
    if (with.empty()) return x;
    const Value through = through_knots(graph_, picked(graph_, x, with, numeric_.size()), maps);
    if (without.empty()) return through;
    const Value both = concatenated(graph_, {through, picked(graph_, x, without, numeric_.size())});
    std::vector<std::int64_t> order = with;
    order.insert(order.end(), without.begin(), without.end());
    std::vector<std::int64_t> back(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) back[order[i]] = static_cast<std::int64_t>(i);
    return picked(graph_, both, back, order.size());
  }

  // [rows, categorical columns]
  Value all_slots() {
    const auto of_numbers = [&](const std::vector<std::size_t>& columns) {
      std::vector<float> counts;
      for (const std::size_t c : columns) counts.push_back(static_cast<float>(column(c).categories));
      return slots_of_numbers(graph_, numbers_of(columns), counts);
    };
    if (!interface_.by_column) return of_numbers(categorical_);
    std::vector<Value> slots;
    for (const std::size_t c : categorical_) {
      const bool same =
          interface_.texts[c] && model_.column_info[c].categories.size() == column(c).categories;
      slots.push_back(same ? index_of_text(graph_, model_, c, inputs_[c]) : of_numbers({c}));
    }
    return concatenated(graph_, slots);
  }

  // 1 in the place of the row's category. In the last slot, where training saw none, the frequencies.
  void add_one_hots(std::vector<Value>& parts) {
    std::vector<std::int64_t> places, categories, lasts;  // by feature
    std::vector<double> unseen;
    bool averages = false;
    for (std::size_t m = 0; m < categorical_.size(); ++m) {
      if (column(categorical_[m]).kind != Encoding::one_hot) continue;
      const std::size_t last = column(categorical_[m]).categories;
      const std::span<const double> frequency = numbers(categorical_[m]).frequency;
      const bool average = frequency[last] == 0;
      averages |= average;
      for (std::size_t i = 0; i <= last; ++i) {
        places.push_back(static_cast<std::int64_t>(m));
        categories.push_back(static_cast<std::int64_t>(i));
        lasts.push_back(static_cast<std::int64_t>(last));
        unseen.push_back(average ? frequency[i] : i == last);
      }
    }
    if (places.empty()) return;
    const Dims features = one(places.size());
    const Value slot =
        graph_.node("Gather", {categories_, graph_.integers("one_hot_columns", features, places)},
                    {{"axis", std::int64_t{1}}});
    const Value is =
        graph_.node("Equal", {slot, graph_.integers("one_hot_categories", features, categories)});
    Value ones = graph_.cast(is, TensorProto::FLOAT);
    if (averages) {
      const Value none = graph_.node("Equal", {slot, graph_.integers("one_hot_unseen", features, lasts)});
      ones = graph_.node("Where", {none, graph_.floats("unseen", features, unseen), ones});
    }
    parts.push_back(ones);
  }

  void add_tables(std::vector<Value>& parts) {
    for (const ParameterSlot& table : parameter_slots(model_.network)) {
      if (!table.column) continue;
      const auto place = std::ranges::find(categorical_, *table.column) - categorical_.begin();
      const Value index = graph_.integers(std::to_string(*table.column) + ".place", {}, Dims{place});
      const Value slot = graph_.node("Gather", {categories_, index}, {{"axis", std::int64_t{1}}});
      const Value weight =
          graph_.floats(std::to_string(*table.column) + ".weight",
                        {static_cast<std::int64_t>(table.rows), static_cast<std::int64_t>(table.columns)},
                        std::span<const float>(model_.parameters).subspan(table.offset, table.size()));
      parts.push_back(graph_.node("Gather", {weight, slot}, {{"axis", std::int64_t{0}}}));
    }
  }

  Graph& graph_;
  const Model& model_;
  const Interface& interface_;
  const std::vector<Value>& inputs_;
  const Encode& encode_;
  std::vector<EncodingSlot> slots_;
  std::vector<std::size_t> numeric_, categorical_;
  Value categories_;
};

}  // namespace

Value encode_columns(Graph& graph, const Model& model, const Interface& interface,
                     const std::vector<Value>& inputs) {
  if (std::holds_alternative<Encode>(model.network.layers.front())) {
    graph.begin("0.encode");
    return ColumnEncoder(graph, model, interface, inputs).features();
  }
  if (!interface.by_column) return inputs[0];
  graph.begin("input");
  std::vector<Value> columns;
  for (std::size_t c = 0; c < inputs.size(); ++c) {
    columns.push_back(interface.texts[c]
                          ? graph.cast(index_of_text(graph, model, c, inputs[c]), TensorProto::FLOAT)
                          : inputs[c]);
  }
  return concatenated(graph, columns);
}

}  // namespace ztilde::onnx_export
