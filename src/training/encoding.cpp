#include "training/encoding.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "layers/encode.hpp"

namespace ztilde {
namespace {

// Odd, so that the median has a knot. More would follow the training rows' noise.
constexpr std::size_t kKnots = 129;
constexpr std::size_t kRowsOfPart = 256;

// z with Φ(z) = p.
double normal_quantile(double p) {
  double low = -40, high = 40;
  for (int halvings = 0; halvings < 100; ++halvings) {
    const double middle = low + (high - low) / 2;
    (std::erfc(-middle / std::numbers::sqrt2) / 2 < p ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

struct WeightedNumber {
  float number, weight;
  auto operator<=>(const WeightedNumber&) const = default;
};

// One raw column of the batch's rows.
class RawColumn {
 public:
  RawColumn(const Batch& batch, std::size_t column) : batch_(batch), column_(column) {}
  // visit(raw, weight), in the order of the rows.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t r = 0; r < batch_.rows; ++r) {
      const std::size_t row = batch_.row_index ? batch_.row_index[r] : r;
      const std::size_t at = row * batch_.source.stride + column_;
      visit(batch_.source.bytes ? batch_.source.bytes[at] : batch_.source.floats[at],
            batch_.weights ? batch_.weights[row] : 1.0f);
    }
  }

 private:
  const Batch& batch_;
  std::size_t column_;
};

// The least number that a share p of the weight is at or below; the outer knots are the least and the
// largest number. A knot's value is the normal quantile of its share; knots that fall on the same
// number share their mean value, so that ties and constants are in the middle of their range.
void fit_knots(std::vector<WeightedNumber>& known, std::span<double> knots, std::span<double> values) {
  std::sort(known.begin(), known.end());
  double whole = 0;
  for (const WeightedNumber& one : known) whole += one.weight;
  const std::size_t count = knots.size();
  std::size_t at = 0;
  double below = known.empty() ? 0 : known[0].weight;  // up to and with `at`
  for (std::size_t i = 0; i < count; ++i) {
    const double share = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    values[i] = normal_quantile(share);
    if (known.empty()) continue;
    if (i > 0) {
      const double target = i + 1 == count ? whole : share * whole;
      while (at + 1 < known.size() && below < target) below += known[++at].weight;
    }
    knots[i] = i + 1 == count ? known.back().number : known[at].number;
  }
  for (std::size_t first = 0, end; first < count; first = end) {
    double sum = 0;
    for (end = first; end < count && knots[end] == knots[first]; ++end) sum += values[end];
    // Exactly 0 for a run in the middle, whose values cancel but for rounding.
    const bool central = first == count - end;
    std::fill(values.begin() + first, values.begin() + end,
              central ? 0 : sum / static_cast<double>(end - first));
  }
}

// Of a column, over the rows that were passed so far.
struct ColumnSums {
  double weight = 0, sum = 0;  // of known numbers
};

void add_numbers(const RawColumn& raw, ColumnSums& sums) {
  raw.for_each([&](float number, float weight) {
    if (std::isnan(number) || weight == 0) return;
    sums.weight += weight;
    sums.sum += static_cast<double>(weight) * number;
  });
}

// Of all rows at once; the sum is that of the numbers' values.
void measure_knots(const RawColumn& raw, std::span<double> knots, std::span<double> values,
                   std::vector<WeightedNumber>& known, ColumnSums& sums) {
  known.clear();
  raw.for_each([&](float number, float weight) {
    if (std::isnan(number) || weight == 0) return;
    known.push_back({number, weight});
    sums.weight += weight;
  });
  fit_knots(known, knots, values);
  raw.for_each([&](float number, float weight) {
    if (std::isnan(number) || weight == 0) return;
    sums.sum += weight * reference::through_knots<double>(knots, values, number);
  });
}

void add_categories(const RawColumn& raw, std::span<double> frequency, ColumnSums& sums) {
  raw.for_each([&](float number, float weight) {
    frequency[layers::category_of(number, frequency.size() - 1)] += weight;
    sums.weight += weight;
  });
}

}  // namespace

std::size_t embedding_width(std::size_t categories) {
  constexpr double kMost = 50;
  return static_cast<std::size_t>(
      std::max(1.0, std::round(std::min(kMost, 1.6 * std::pow(static_cast<double>(categories), 0.56)))));
}

std::optional<Encode> encode_for(std::span<const Column> columns, const std::vector<bool>& missing,
                                 const EncodeOptions& options) {
  Encode encode;
  bool needed = options.quantile || options.missing != MissingUse::refuse;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    EncodedColumn& column = encode.columns.emplace_back();
    if (columns[c].kind == ColumnKind::numeric) {
      if (options.missing != MissingUse::refuse) {
        column.missing = options.missing == MissingUse::indicator && missing[c] ? MissingValue::indicator
                                                                                : MissingValue::mean;
      }
      column.knots = options.quantile ? kKnots : 0;
      continue;
    }
    needed = true;
    column.categories = columns[c].categories.size();
    column.kind = column.categories > options.one_hot_most ? Encoding::embedding : Encoding::one_hot;
    if (column.kind == Encoding::embedding) column.width = embedding_width(column.categories);
  }
  return needed ? std::optional(std::move(encode)) : std::nullopt;
}

std::vector<std::size_t> measure_encoding(const Network& network, const Batch& all_rows, Team& team,
                                          std::span<double> statistics) {
  const auto* encode = std::get_if<Encode>(&network.layers.front());
  if (encode == nullptr) return {};
  struct Numbers {
    std::span<double> fill, knots, values, frequency;
  };
  std::vector<Numbers> of_column(encode->columns.size());
  bool sorts = false;
  for (const EncodingSlot& slot : encoding_slots(network)) {
    Numbers& numbers = of_column[slot.column];
    (slot.name == "fill"     ? numbers.fill
     : slot.name == "knots"  ? numbers.knots
     : slot.name == "values" ? numbers.values
                             : numbers.frequency) = statistics.subspan(slot.offset, slot.size);
    sorts |= slot.name == "knots";
  }
  std::vector<std::vector<WeightedNumber>> known(team.threads());  // by worker
  for (auto& of_worker : known) of_worker.reserve(sorts ? all_rows.rows : 0);
  for (const Numbers& numbers : of_column) std::ranges::fill(numbers.frequency, 0.0);
  std::vector<ColumnSums> sums(of_column.size());
  const Cut parts = Cut::at_most(all_rows.rows, kRowsOfPart);
  for_each_held(
      all_rows, parts.parts, [&](std::size_t part) { return parts.first(part); },
      [&](std::size_t first, std::size_t end) {
        const Batch rows = batch_part(all_rows, parts.first(first), parts.first(end) - parts.first(first));
        team.run([&](const Worker& worker) {
          worker.share(of_column.size(), [&](std::size_t c) {
            const Numbers& numbers = of_column[c];
            const RawColumn raw(rows, c);
            if (!numbers.frequency.empty()) {
              add_categories(raw, numbers.frequency, sums[c]);
            } else if (!numbers.knots.empty()) {  // these rows are all rows
              measure_knots(raw, numbers.knots, numbers.values, known[worker.index], sums[c]);
            } else if (!numbers.fill.empty()) {
              add_numbers(raw, sums[c]);
            }
          });
        });
      });
  std::vector<std::size_t> without;
  for (std::size_t c = 0; c < of_column.size(); ++c) {
    const double weight = sums[c].weight;
    for (double& share : of_column[c].frequency) share = weight > 0 ? share / weight : 0;
    if (!of_column[c].fill.empty()) of_column[c].fill[0] = weight > 0 ? sums[c].sum / weight : 0;
    const bool measured = !of_column[c].fill.empty() || !of_column[c].knots.empty();
    if (measured && of_column[c].frequency.empty() && weight == 0) without.push_back(c);
  }
  return without;
}

void average_unseen(const Network& network, std::span<const double> statistics, std::span<float> parameters) {
  const std::vector<EncodingSlot> encodings = encoding_slots(network);
  for (const ParameterSlot& slot : parameter_slots(network)) {
    if (!slot.column) continue;
    const auto encoding = std::find_if(encodings.begin(), encodings.end(),
                                       [&](const EncodingSlot& one) { return one.column == *slot.column; });
    const std::span<const double> frequency = statistics.subspan(encoding->offset, encoding->size);
    if (frequency.back() > 0) continue;
    const std::span<float> table = parameters.subspan(slot.offset, slot.size());
    const std::size_t last = slot.rows - 1;
    for (std::size_t i = 0; i < slot.columns; ++i) {
      double mean = 0;
      for (std::size_t category = 0; category < last; ++category) {
        mean += frequency[category] * table[category * slot.columns + i];
      }
      table[last * slot.columns + i] = static_cast<float>(mean);
    }
  }
}

}  // namespace ztilde
