// What two models answer for the same rows, and from which layer on they differ.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.hpp"
#include "model/compare_parts.hpp"
#include "model/row_scores.hpp"
#include "model/scoring.hpp"
#include "plan/reference_plan.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kMostChangedRows = 10;
// What rounding the weights of a folded model leaves.
constexpr double kFoldRounding = 1e-6;

// From one model's categories of a column to the other's; one that it does not know is its last index.
std::vector<float> category_map(const Column& from, const Column& to) {
  std::vector<float> map;
  for (const std::string& category : from.categories)
    map.push_back(static_cast<float>(std::ranges::find(to.categories, category) - to.categories.begin()));
  map.push_back(static_cast<float>(to.categories.size()));
  return map;
}

// columns: by column of `to`, that of `from`. Only the inputs; bytes stay bytes.
Dataset rows_for(const Model& from, const Model& to, const std::vector<std::size_t>& columns,
                 const Dataset& data) {
  Dataset rows;
  rows.rows = data.rows;
  rows.columns = data.columns;
  rows.bytes.resize(data.bytes.size());
  rows.floats.resize(data.floats.size());
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const bool categorical = !from.column_info.empty() && !to.column_info.empty() &&
                             to.column_info[c].kind == ColumnKind::categorical;
    const std::vector<float> categories =
        categorical ? category_map(from.column_info[columns[c]], to.column_info[c]) : std::vector<float>();
    for (std::size_t r = 0; r < data.rows; ++r) {
      const std::size_t target = r * data.columns + c, source = r * data.columns + columns[c];
      if (data.is_bytes()) {
        rows.bytes[target] = data.bytes[source];
      } else {
        const float number = data.floats[source];
        const auto index = static_cast<std::size_t>(categorical ? number : 0);
        rows.floats[target] = categorical && index < categories.size() ? categories[index] : number;
      }
    }
  }
  return rows;
}

std::vector<std::size_t> inverse(const std::vector<std::size_t>& map) {
  std::vector<std::size_t> back(map.size());
  for (std::size_t i = 0; i < map.size(); ++i) back[map[i]] = i;
  return back;
}

// The test rows of both, in a's columns.
Dataset test_rows(const Model& a, const Model& b, const std::vector<std::size_t>& columns) {
  const auto of = [](const Model& model) {
    Dataset rows;
    rows.columns = model.network.inputs;
    rows.rows = model.test_inputs.size() / rows.columns;
    rows.floats = model.test_inputs;
    return rows;
  };
  Dataset rows = of(a);
  const Dataset more = rows_for(b, a, inverse(columns), of(b));
  // Models of one run, or one made of the other, often have the same.
  if (more.floats.size() == rows.floats.size() && !rows.floats.empty() &&
      std::memcmp(more.floats.data(), rows.floats.data(), rows.floats.size() * sizeof(float)) == 0) {
    return rows;
  }
  rows.rows += more.rows;
  rows.floats.insert(rows.floats.end(), more.floats.begin(), more.floats.end());
  return rows;
}

std::vector<float> outputs_of(const Model& model, const Batch& rows, std::size_t threads) {
  const std::size_t width = layer_outputs(model.network).back();
  std::vector<float> outputs(rows.rows * width);
  Team team(InferencePlan::workers_for(model.network, rows.rows, threads));
  InferencePlan plan(model.network, rows.rows, team.threads(), model.parameters.data(),
                     model.statistics.data());
  plan.run(team, rows, [&](const Worker&, std::size_t, std::size_t first_row, kernels::View out) {
    copy_rows(out, {outputs.data() + first_row * width, out.rows, width});
  });
  return outputs;
}

// b's outputs by a's classes.
void reorder_outputs(const std::vector<std::size_t>& classes, std::size_t width,
                     std::vector<float>& outputs) {
  if (width == 1) {
    if (classes.size() == 2 && classes[0] == 1)
      for (float& output : outputs) output = -output;
    return;
  }
  std::vector<float> row(width);
  for (std::size_t first = 0; first < outputs.size(); first += width) {
    for (std::size_t c = 0; c < width; ++c) row[classes[c]] = outputs[first + c];
    std::ranges::copy(row, outputs.begin() + static_cast<std::ptrdiff_t>(first));
  }
}

// of(outputs, row): a score of a row.
template <class Of>
PairedScore paired(const Batch& rows, const std::vector<float>& a, const std::vector<float>& b,
                   const Of& of) {
  const auto mean = [&](const auto& score) { return paired_difference(rows.rows, rows.weights, score); };
  const PairedDifference difference = mean([&](std::size_t r) { return of(b, r) - of(a, r); });
  return {mean([&](std::size_t r) { return of(a, r); }).mean,
          mean([&](std::size_t r) { return of(b, r); }).mean, difference.mean, difference.standard_error};
}

// Both models in double, layer by layer.
struct LayerSearch {
  const Model &a, &b;
  const Aligned& aligned;

  std::vector<std::vector<double>> all_layers(const Model& model, const Dataset& rows) const {
    std::vector<std::vector<double>> values(model.network.layers.size());
    std::vector<double> inputs(rows.floats.begin(), rows.floats.end());
    if (rows.is_bytes()) inputs.assign(rows.bytes.begin(), rows.bytes.end());
    (void)ReferencePlan<double>(model.network)
        .forward_inference(inputs, rows.rows, {model.parameters.begin(), model.parameters.end()},
                           model.statistics, [&](std::size_t layer, MatrixView<const double> z) {
                             values[layer].assign(z.data, z.data + z.rows * z.channels);
                           });
    return values;
  }

  void run(const Dataset& a_rows, const Dataset& b_rows, OutputDifference& outputs) const {
    const auto a_values = all_layers(a, a_rows), b_values = all_layers(b, b_rows);
    const bool folded = aligned.folded_a || aligned.folded_b;
    for (const Aligned::Values& pair : aligned.values) {
      // What is mapped is the unfolded one's.
      const std::vector<double>&x = aligned.folded_b ? b_values[pair.layers.b] : a_values[pair.layers.a],
            &y = aligned.folded_b ? a_values[pair.layers.a] : b_values[pair.layers.b];
      LayerOutputDifference difference{pair.layers.a, pair.layers.b};
      double largest = 0;
      const std::size_t channels = pair.map.scale.size();
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected =
            channels == 0 ? x[i] : pair.map.scale[i % channels] * x[i] + pair.map.shift[i % channels];
        difference.largest = std::max(difference.largest, std::abs(y[i] - expected));
        largest = std::max(largest, std::abs(expected));
      }
      difference.relative = difference.largest == 0 ? 0 : difference.largest / largest;
      if (difference.relative > (folded ? kFoldRounding : 0) && !outputs.first_layer)
        outputs.first_layer = difference;
      if (difference.relative > (outputs.worst_layer ? outputs.worst_layer->relative : 0))
        outputs.worst_layer = difference;
    }
  }
};

Dataset first_rows(const Dataset& data, std::size_t rows) {
  Dataset first;
  first.rows = std::min(rows, data.rows);
  first.columns = data.columns;
  const std::size_t count = first.rows * first.columns;
  if (data.is_bytes()) {
    first.bytes.assign(data.bytes.begin(), data.bytes.begin() + static_cast<std::ptrdiff_t>(count));
  } else {
    first.floats.assign(data.floats.begin(), data.floats.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return first;
}

void compare_numbers_of(const std::vector<float>& a, const std::vector<float>& b, std::size_t width,
                        Task task, OutputDifference& outputs) {
  std::size_t equal = 0;
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double off = std::abs(double{b[i]} - double{a[i]});
    outputs.largest = std::max(outputs.largest, std::isnan(off) ? HUGE_VAL : off);
    outputs.largest_output = std::max(outputs.largest_output, std::abs(double{a[i]}));
    sum += off;
    equal += std::memcmp(&a[i], &b[i], sizeof(float)) == 0;
  }
  outputs.mean = sum / static_cast<double>(a.size());
  outputs.relative = outputs.largest == 0 ? 0 : outputs.largest / outputs.largest_output;
  outputs.equal_share = static_cast<double>(equal) / static_cast<double>(a.size());
  for (std::size_t r = 0; task == Task::classify && r < outputs.rows; ++r) {
    if (answer_of(&a[r * width], width) == answer_of(&b[r * width], width)) continue;
    ++outputs.argmax_changes;
    if (outputs.changed_rows.size() < kMostChangedRows) outputs.changed_rows.push_back(r);
  }
}

}  // namespace

void compare_outputs(const Model& a, const Model& b, const Aligned& aligned, const Dataset& data,
                     const CompareOptions& options, ModelComparison& comparison) {
  const InputMatch inputs = match_inputs(a, b);
  const ClassMatch classes = match_classes(a, b);
  comparison.no_outputs = !inputs.refusal.empty() ? inputs.refusal : classes.refusal;
  if (!comparison.no_outputs.empty()) return;
  if (data.rows > 0) require_columns(a, data);
  const Dataset a_rows = data.rows > 0 ? data : test_rows(a, b, inputs.columns);
  if (a_rows.rows == 0) {
    comparison.no_outputs = "neither of them has test rows; give some with data";
    return;
  }
  const Batch a_batch = whole(a_rows, a.network);
  const Dataset b_rows = rows_for(a, b, inputs.columns, a_rows);
  Batch b_batch;
  try {
    b_batch = whole(b_rows, b.network);
  } catch (const Error& error) {
    comparison.no_outputs = fmt::format("B does not take these rows: {}", error.what());
    return;
  }

  OutputDifference outputs;
  outputs.rows = a_rows.rows;
  outputs.given = data.rows > 0;
  outputs.notes = inputs.notes;
  outputs.notes.insert(outputs.notes.end(), classes.notes.begin(), classes.notes.end());
  const std::size_t width = layer_outputs(a.network).back();
  const std::vector<float> of_a = outputs_of(a, a_batch, options.threads);
  std::vector<float> of_b = outputs_of(b, b_batch, options.threads);
  if (a.task == Task::classify) reorder_outputs(classes.classes, width, of_b);
  compare_numbers_of(of_a, of_b, width, a.task, outputs);
  if (a_batch.targets && a_rows.task == a.task &&
      (a.task == Task::regress || are_first_classes(a_rows.classes, a.classes))) {
    outputs.loss = paired(a_batch, of_a, of_b, [&](const std::vector<float>& of, std::size_t r) {
      return row_loss(a.task, &of[r * width], width, a_batch.targets[r]);
    });
    if (a.task == Task::classify) {
      outputs.accuracy = paired(a_batch, of_a, of_b, [&](const std::vector<float>& of, std::size_t r) {
        return answer_of(&of[r * width], width) == static_cast<std::size_t>(a_batch.targets[r]) ? 1.0 : 0.0;
      });
    }
  }
  if (outputs.equal_share < 1) {
    const Dataset some = first_rows(a_rows, options.layer_rows);
    outputs.layer_rows = some.rows;
    LayerSearch{a, b, aligned}.run(some, first_rows(b_rows, options.layer_rows), outputs);
  }
  comparison.outputs = std::move(outputs);
}

}  // namespace ztilde
