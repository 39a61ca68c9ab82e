#include "plan/encoder.hpp"

#include <algorithm>
#include <cmath>

#include "layers/encode.hpp"
#include "plan/augment.hpp"

namespace ztilde {

using kernels::ConstView;
using kernels::View;

namespace {

// A cache line of a table's row, so that two workers never write the same one.
constexpr std::size_t kSliceFeatures = 16;
// Rows encoded together: column by column, while they are in the nearest cache.
constexpr std::size_t kTileRows = 16;

// As gather of batch.hpp, of changed images.
void gather_changed(const Batch& batch, std::size_t first_row, std::size_t first_feature, View out) {
  const AugmentedRows& rows = *batch.augmented;
  for (std::size_t r = 0; r < out.rows; ++r) {
    const std::size_t row = first_row + r;
    const std::size_t at = (batch.row_index ? batch.row_index[row] : row) * batch.source.stride;
    const ImageChange change = change_of(rows, row);
    if (batch.source.bytes) {
      changed_image(batch.source.bytes + at, rows.image, change, first_feature, out.channels, out.row(r));
    } else {
      changed_image(batch.source.floats + at, rows.image, change, first_feature, out.channels, out.row(r));
    }
  }
}

double through_knots(const double* knot, const double* value, std::size_t knots, double x) {
  const double* above = std::upper_bound(knot, knot + knots, x);
  if (above == knot) return value[0];
  if (above == knot + knots) return value[knots - 1];
  const std::size_t i = static_cast<std::size_t>(above - knot);
  return value[i - 1] + (value[i] - value[i - 1]) * ((x - knot[i - 1]) / (knot[i] - knot[i - 1]));
}

}  // namespace

Encoder::Encoder(const Network& network, const float* parameters, float* gradients,
                 const double* statistics) {
  const auto* layer = network.layers.empty() ? nullptr : std::get_if<Encode>(&network.layers.front());
  if (layer == nullptr) return;
  encodes_ = true;
  const layers::EncodeLayout layout = layers::layout_of(*layer);
  tables_ = layout.tables;
  std::vector<const double*> fill(layer->columns.size()), knot(fill), value(fill), frequency(fill);
  for (const EncodingSlot& slot : encoding_slots(network)) {
    (slot.name == "fill"     ? fill
     : slot.name == "knots"  ? knot
     : slot.name == "values" ? value
                             : frequency)[slot.column] = statistics + slot.offset;
  }
  std::vector<std::size_t> table(layer->columns.size());
  for (const ParameterSlot& slot : parameter_slots(network)) {
    if (slot.column) table[*slot.column] = slot.offset;
  }
  for (std::size_t c = 0; c < layer->columns.size(); ++c) {
    const EncodedColumn& column = layer->columns[c];
    const auto& place = layout.columns[c];
    if (column.kind == Encoding::numeric) {
      numbers_.push_back({c, place.first, column.knots, place.indicator, fill[c], knot[c], value[c]});
      continue;
    }
    const bool embeds = column.kind == Encoding::embedding;
    for (std::size_t first = 0; embeds && first < column.width; first += kSliceFeatures) {
      slices_.push_back({categories_.size(), first, std::min(kSliceFeatures, column.width - first)});
    }
    categories_.push_back({c, place.first, place.count, column.categories, embeds ? nullptr : frequency[c],
                           embeds ? parameters + table[c] : nullptr,
                           embeds && gradients ? gradients + table[c] : nullptr});
  }
}

void Encoder::gather(const Batch& batch, std::size_t first_row, std::size_t first_feature,
                     const kernels::Affine& affine, View out) const {
  if (batch.augmented) {
    gather_changed(batch, first_row, first_feature, out);
    if (affine.centre) kernels::normalise_activate(out, affine, ActivationKind::identity, out);
    return;
  }
  if (!encodes_) return ztilde::gather(batch, first_row, first_feature, affine, out);
  const std::uint32_t* index = batch.row_index ? batch.row_index + first_row : nullptr;
  const std::size_t skip = batch.row_index ? 0 : first_row * batch.source.stride;
  if (batch.source.bytes) {
    encode(batch.source.bytes + skip, batch.source.stride, index, first_feature, out);
  } else {
    encode(batch.source.floats + skip, batch.source.stride, index, first_feature, out);
  }
  if (affine.centre) kernels::normalise_activate(out, affine, ActivationKind::identity, out);
}

template <class Source>
void Encoder::encode(const Source* source, std::size_t stride, const std::uint32_t* index,
                     std::size_t first_feature, View out) const {
  const std::size_t end_feature = first_feature + out.channels;
  const auto row_of = [&](std::size_t r) { return source + (index ? index[r] : r) * stride; };
  const auto wanted = [&](std::size_t feature) { return feature >= first_feature && feature < end_feature; };
  for (std::size_t first = 0; first < out.rows; first += kTileRows) {
    const std::size_t end = std::min(out.rows, first + kTileRows);
    // Shuffled rows lie anywhere in memory: those of the next tile are asked for meanwhile.
    for (std::size_t r = end; index && r < std::min(out.rows, end + kTileRows); ++r) {
      for (std::size_t c = 0; c < stride; c += 64 / sizeof(Source)) __builtin_prefetch(row_of(r) + c);
    }
    for (const Number& number : numbers_) {
      if (wanted(number.feature)) {
        for (std::size_t r = first; r < end; ++r) {
          const auto raw = static_cast<float>(row_of(r)[number.column]);
          float& to = out(r, number.feature - first_feature);
          to = number.fill && std::isnan(raw) ? static_cast<float>(*number.fill)
               : number.knots > 0
                   ? static_cast<float>(through_knots(number.knot, number.value, number.knots, raw))
                   : raw;
        }
      }
      if (number.indicator && wanted(*number.indicator)) {
        for (std::size_t r = first; r < end; ++r) {
          const auto raw = static_cast<float>(row_of(r)[number.column]);
          out(r, *number.indicator - first_feature) = std::isnan(raw) ? 1.0f : 0.0f;
        }
      }
    }
    for (const Category& category : categories_) {
      const std::size_t from = std::max(category.feature, first_feature);
      const std::size_t to = std::min(category.feature + category.count, end_feature);
      if (from >= to) continue;
      const std::size_t skip = from - category.feature, count = to - from;
      for (std::size_t r = first; r < end; ++r) {
        const std::size_t slot = layers::category_of(row_of(r)[category.column], category.categories);
        float* features = out.row(r) + (from - first_feature);
        if (category.table) {
          std::copy_n(category.table + slot * category.count + skip, count, features);
        } else if (slot == category.categories && category.average[slot] == 0) {
          for (std::size_t i = 0; i < count; ++i)
            features[i] = static_cast<float>(category.average[skip + i]);
        } else {
          std::fill_n(features, count, 0.0f);
          if (slot >= skip && slot < skip + count) features[slot - skip] = 1;
        }
      }
    }
  }
}

void Encoder::table_gradient(const TableSlice& slice, const Batch& batch, ConstView d,
                             const float* scale) const {
  const Category& category = categories_[slice.category];
  const std::size_t feature = category.feature - tables_ + slice.first;
  const auto row_of_table = [&](std::size_t slot) {
    return category.d_table + slot * category.count + slice.first;
  };
  for (std::size_t slot = 0; slot <= category.categories; ++slot) {
    std::fill_n(row_of_table(slot), slice.count, 0.0f);
  }
  for (std::size_t r = 0; r < d.rows; ++r) {
    const std::size_t at = (batch.row_index ? batch.row_index[r] : r) * batch.source.stride + category.column;
    const double raw = batch.source.bytes ? batch.source.bytes[at] : batch.source.floats[at];
    float* to = row_of_table(layers::category_of(raw, category.categories));
    const float* from = d.row(r) + feature;
    for (std::size_t i = 0; i < slice.count; ++i) to[i] += scale ? from[i] * scale[feature + i] : from[i];
  }
}

}  // namespace ztilde
