// Two models side by side: what the parts found, and which of it is said first.
#include "ztilde/compare.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/compare_parts.hpp"
#include "model/model_check.hpp"

namespace ztilde {
namespace {

std::string layer_place(std::size_t layer, const std::string& kind) {
  return fmt::format("layer {} ({})", layer, kind);
}

std::string convention_words(const ConventionDifference& difference) {
  const std::string where = difference.layer ? fmt::format("layer {}: ", *difference.layer) : std::string();
  return fmt::format("{}{} is {} in A and {} in B", where, difference.what,
                     difference.a.empty() ? "nothing" : difference.a,
                     difference.b.empty() ? "nothing" : difference.b);
}

std::string tensor_words(const TensorDifference& worst) {
  if (worst.largest == 0)
    return fmt::format("{} of {} differs in the sign of a zero", worst.tensor,
                       layer_place(worst.layer_a, worst.layer));
  return fmt::format("{} of {} differs by {:.2g} at most, {:.2g} of its root mean square", worst.tensor,
                     layer_place(worst.layer_a, worst.layer), worst.largest, worst.relative);
}

std::string statistics_words(const StatisticsDifference& worst) {
  const StatisticsMove& move = worst.move;
  const std::string place = layer_place(move.layer, worst.layer);
  if (move.mean.most >= move.deviation.most - 1) {
    return fmt::format("the mean of {} differs by {:.2g} deviations in channel {}", place, move.mean.most,
                       move.mean.channel);
  }
  return fmt::format("the deviation of {} differs by a factor of 1 + {:.2g} in channel {}", place,
                     move.deviation.most - 1, move.deviation.channel);
}

// What changes the function most is said first: what the networks are, what their numbers mean, the
// numbers, and last what is only told of them.
std::string headline_of(const ModelComparison& comparison) {
  if (comparison.identical) return "the same, bit for bit";
  if (comparison.alignment == Alignment::front) return "the networks differ: " + comparison.alignment_words;
  const auto convention = std::ranges::find(comparison.conventions, false, &ConventionDifference::in_record);
  if (comparison.same_model)
    return "the same model, bit for bit; only what is told of it differs: " +
           convention_words(comparison.conventions.front());
  std::string text;
  if (convention != comparison.conventions.end()) {
    text = convention_words(*convention);
  } else if (!comparison.tensors.empty() || !comparison.statistics.empty()) {
    const bool tensor = !comparison.tensors.empty() &&
                        (comparison.statistics.empty() ||
                         comparison.tensors.front().relative >= comparison.statistics.front().worst());
    text =
        tensor ? tensor_words(comparison.tensors.front()) : statistics_words(comparison.statistics.front());
  }
  if (comparison.alignment == Alignment::same) return text;
  return comparison.alignment_words + (text.empty() ? "; they are equal, bit for bit" : "; " + text);
}

}  // namespace

ModelComparison compare(const Model& a, const Model& b, const Dataset& data, const CompareOptions& options) {
  model_file::check_model(a);
  model_file::check_model(b);
  ModelComparison comparison;
  const Aligned aligned = align(a, b);
  comparison.alignment = aligned.how;
  comparison.alignment_words = aligned.words;
  comparison.aligned_layers = aligned.pairs.size();
  comparison.conventions = compare_conventions(a, b, aligned);
  compare_numbers(aligned.folded_a ? *aligned.folded_a : a, aligned.folded_b ? *aligned.folded_b : b,
                  aligned.pairs, comparison);
  compare_outputs(a, b, aligned, data, options, comparison);
  const bool same_numbers =
      aligned.how == Alignment::same && comparison.tensors.empty() && comparison.statistics.empty();
  comparison.same_model =
      same_numbers && std::ranges::all_of(comparison.conventions, &ConventionDifference::in_record);
  comparison.identical = same_numbers && comparison.conventions.empty();
  comparison.headline = headline_of(comparison);
  return comparison;
}

}  // namespace ztilde
