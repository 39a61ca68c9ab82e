#include "cli/model_measures.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <variant>

#include "cli/train_input.hpp"
#include "report/blocks.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {
namespace {

using report::Json;
using Rows = std::vector<std::uint32_t>;

constexpr std::size_t kMostMatrixClasses = 60;
constexpr std::size_t kMostPairs = 8;
constexpr std::size_t kPairsWithImages = 6;
constexpr std::size_t kImagesOfPair = 2;
constexpr std::size_t kMostImageSide = 48;
constexpr std::size_t kMostSampled = 2000;
constexpr std::size_t kRowsAtOnce = 4096;
constexpr std::size_t kBins = 24;
// Rows apart from others are copied to be passed over, unless they are more.
constexpr std::size_t kMostCopiedBytes = 64 << 20;

Dataset rows_of(const Dataset& data, std::span<const std::uint32_t> rows) {
  Dataset part;
  part.rows = rows.size();
  part.columns = data.columns;
  part.column_names = data.column_names;
  part.column_info = data.column_info;
  part.rules = data.rules;
  part.image_width = data.image_width;
  part.image_height = data.image_height;
  part.task = data.task;
  part.target_name = data.target_name;
  part.classes = data.classes;
  for (const std::uint32_t row : rows) {
    const auto begin = static_cast<std::ptrdiff_t>(row * data.columns);
    const auto end = begin + static_cast<std::ptrdiff_t>(data.columns);
    if (data.is_bytes()) {
      part.bytes.insert(part.bytes.end(), data.bytes.begin() + begin, data.bytes.begin() + end);
    } else {
      part.floats.insert(part.floats.end(), data.floats.begin() + begin, data.floats.begin() + end);
    }
    if (!data.targets.empty()) part.targets.push_back(data.targets[row]);
    if (!data.weights.empty()) part.weights.push_back(data.weights[row]);
  }
  return part;
}

// What the model says of these rows, some at a time, so that few are copied.
Predictions predictions_of(const Model& model, const Dataset& data, const Rows& rows, std::size_t threads) {
  Predictions all;
  for (std::size_t at = 0; at < rows.size(); at += kRowsAtOnce) {
    const auto some = std::span(rows).subspan(at, std::min(kRowsAtOnce, rows.size() - at));
    const Predictions part = predict(model, rows_of(data, some), threads);
    all.values.insert(all.values.end(), part.values.begin(), part.values.end());
    all.probabilities.insert(all.probabilities.end(), part.probabilities.begin(), part.probabilities.end());
  }
  return all;
}

struct Pair {
  std::size_t truth, answer;
  std::uint64_t count;
};

std::vector<Pair> worst_pairs(const std::vector<std::uint64_t>& confusion, std::size_t classes) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < confusion.size(); ++i) {
    if (i / classes != i % classes && confusion[i] > 0)
      pairs.push_back({i / classes, i % classes, confusion[i]});
  }
  std::ranges::stable_sort(pairs, std::greater<>(), &Pair::count);
  pairs.resize(std::min(pairs.size(), kMostPairs));
  return pairs;
}

// An image in grey, made smaller by averaging squares of pixels where it is large.
struct Shrinking {
  std::size_t factor, width, height;
  explicit Shrinking(const Dataset& data)
      : factor((std::max(data.image_width, data.image_height) + kMostImageSide - 1) / kMostImageSide),
        width(data.image_width / factor),
        height(data.image_height / factor) {}
};

std::string shrunk_pixels(const Dataset& data, std::size_t row, const Shrinking& to) {
  const std::uint8_t* image = data.bytes.data() + row * data.columns;
  const std::size_t channels = data.image_channels(), square = to.factor * to.factor;
  std::vector<std::uint8_t> pixels;
  for (std::size_t y = 0; y < to.height; ++y) {
    for (std::size_t x = 0; x < to.width; ++x) {
      std::size_t sum = 0;
      for (std::size_t i = 0; i < square; ++i) {
        const std::size_t pixel =
            (y * to.factor + i / to.factor) * data.image_width + x * to.factor + i % to.factor;
        for (std::size_t c = 0; c < channels; ++c) sum += image[pixel * channels + c];
      }
      pixels.push_back(static_cast<std::uint8_t>(sum / (square * channels)));
    }
  }
  return report::base64(pixels);
}

// Of each pair the rows that the model is most sure and most wrong of.
void add_examples(const Model& model, const Dataset& data, const Rows& rows, std::size_t threads,
                  const std::vector<Pair>& pairs, Json& list) {
  const Predictions predictions = predictions_of(model, data, rows, threads);
  const std::size_t classes = model.classes.size();
  const Shrinking size(data);
  for (std::size_t p = 0; p < std::min(pairs.size(), kPairsWithImages); ++p) {
    std::vector<std::pair<float, std::size_t>> found;  // probability, place in rows
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool of_pair = data.targets[rows[i]] == static_cast<float>(pairs[p].truth) &&
                           predictions.values[i] == static_cast<float>(pairs[p].answer);
      if (of_pair) found.emplace_back(predictions.probabilities[i * classes + pairs[p].answer], i);
    }
    std::ranges::stable_sort(found, std::greater<>(), &std::pair<float, std::size_t>::first);
    found.resize(std::min(found.size(), kImagesOfPair));
    for (const auto& [probability, i] : found) {
      list[p]["examples"].push_back(
          {{"row", rows[i]}, {"probability", probability}, {"pixels", shrunk_pixels(data, rows[i], size)}});
    }
  }
}

void add_confusion(const TrainArguments& arguments, const Dataset& data, const Rows& rows,
                   const TrainResult& result, Json& object) {
  const std::vector<std::uint64_t>& confusion = result.valid_scores->confusion;
  const std::size_t classes = result.model.classes.size();
  if (confusion.empty()) return;
  for (std::size_t i = 0; classes <= kMostMatrixClasses && i < classes; ++i) {
    const auto row = confusion.begin() + static_cast<std::ptrdiff_t>(i * classes);
    object["confusion"].push_back(
        std::vector<std::uint64_t>(row, row + static_cast<std::ptrdiff_t>(classes)));
  }
  const std::vector<Pair> pairs = worst_pairs(confusion, classes);
  Json list = Json::array();
  for (const Pair& pair : pairs)
    list.push_back({{"true", pair.truth}, {"predicted", pair.answer}, {"count", pair.count}});
  if (data.image_width > 0 && !pairs.empty() && !data.store) {
    const Shrinking size(data);
    object["image"] = {{"width", size.width}, {"height", size.height}};
    add_examples(result.model, data, rows, arguments.training.threads, pairs, list);
  }
  object["pairs"] = list;
}

// Evenly over the rows.
void add_sample(const TrainArguments& arguments, const Dataset& data, const Rows& rows,
                const TrainResult& result, Json& object) {
  const std::size_t count = std::min(rows.size(), kMostSampled);
  Rows sample;
  for (std::size_t i = 0; i < count; ++i) sample.push_back(rows[i * rows.size() / count]);
  object["sample"]["prediction"] =
      predictions_of(result.model, data, sample, arguments.training.threads).values;
  for (const std::uint32_t row : sample) object["sample"]["target"].push_back(data.targets[row]);
}

// As whoever uses the model would find them. Training scored numbers before the target's units went into
// the last layer, which rounds it.
Scores scores_of(const TrainArguments& arguments, const Dataset& data, const Rows& rows,
                 const TrainResult& result) {
  const std::size_t threads = arguments.training.threads;
  const std::size_t bytes = rows.size() * data.columns * (data.is_bytes() ? 1 : sizeof(float));
  if (result.model.task == Task::classify) return *result.valid_scores;
  if (rows.size() == data.rows) return evaluate(result.model, data, threads);
  return bytes <= kMostCopiedBytes ? evaluate(result.model, rows_of(data, rows), threads)
                                   : *result.valid_scores;
}

Json histogram(std::span<const float> values) {
  const auto [least, most] = std::ranges::minmax(values);
  std::vector<std::size_t> counts(least < most ? kBins : 1);
  for (const float value : values) {
    const double place = least < most ? (double{value} - least) / (double{most} - least) : 0;
    ++counts[std::min(static_cast<std::size_t>(place * static_cast<double>(counts.size())),
                      counts.size() - 1)];
  }
  return {{"least", least}, {"most", most}, {"counts", counts}};
}

// Median and most.
Json middle_and_most(std::vector<double> values) {
  std::ranges::sort(values);
  return {values[values.size() / 2], values.back()};
}

Json distances(const Model& model, const Model& measured, const StatisticSlot& slot) {
  const double epsilon = std::get<BatchNorm>(model.network.layers[slot.layer]).epsilon;
  std::vector<double> means, ratios;
  for (std::size_t c = 0; c < slot.channels; ++c) {
    const double mean = model.statistics[slot.offset + c], exact_mean = measured.statistics[slot.offset + c];
    const double variance = model.statistics[slot.offset + slot.channels + c] + epsilon;
    const double exact_variance = measured.statistics[slot.offset + slot.channels + c] + epsilon;
    means.push_back(std::abs(mean - exact_mean) / std::sqrt(exact_variance));
    ratios.push_back(std::max(variance, exact_variance) / std::min(variance, exact_variance));
  }
  return {{"mean_distance", middle_and_most(means)}, {"variance_ratio", middle_and_most(ratios)}};
}

// The model with population statistics, where it has running ones; else nothing.
std::optional<Model> measured_anew(const TrainArguments& arguments, const Dataset& data,
                                   const TrainResult& result) {
  const bool any = !statistic_slots(result.model.network).empty();
  if (result.model.statistics_source != StatisticsSource::running || result.interrupted || !any) return {};
  if (data.store) return {};
  const std::size_t threads = arguments.training.threads;
  const bool all_rows = !arguments.valid.data.empty() || arguments.training.valid_fraction == 0;
  if (all_rows) return with_population_statistics(result.model, data, threads);
  if (data.bytes.size() + data.floats.size() * sizeof(float) > kMostCopiedBytes) return {};
  const Split split = held_out_split(arguments, data);
  return with_population_statistics(result.model, rows_of(data, split.train), threads);
}

}  // namespace

void add_quality_measures(const TrainArguments& arguments, const Dataset& data, const Dataset* valid,
                          const TrainResult& result, Json& object) {
  Rows rows;
  if (valid) {
    rows.resize(valid->rows);
    std::iota(rows.begin(), rows.end(), 0u);
  } else if (!data.store) {
    rows = held_out_split(arguments, data).valid;
  }
  const Dataset& held_out = valid ? *valid : data;
  // Inputs on disk are not read again for a page.
  const Scores scores = held_out.store ? *result.valid_scores : scores_of(arguments, held_out, rows, result);
  object["scores"] = {{"rows", scores.rows}};
  for (const Metric& metric : metrics_of(result.model.task, scores))
    object["scores"][metric.name] = metric.value;
  if (result.model.task == Task::classify) {
    add_confusion(arguments, held_out, rows, result, object);
  } else if (!held_out.store) {
    add_sample(arguments, held_out, rows, result, object);
  }
}

void add_norm_measures(const TrainArguments& arguments, const Dataset& data, const TrainResult& result,
                       Json& object) {
  const Model& model = result.model;
  const std::optional<Model> measured = measured_anew(arguments, data, result);
  for (const StatisticSlot& slot : statistic_slots(model.network)) {
    if (!std::holds_alternative<BatchNorm>(model.network.layers[slot.layer])) continue;
    Json norm = {{"layer", slot.layer}};
    for (const ParameterSlot& parameter : parameter_slots(model.network)) {
      if (parameter.layer != slot.layer) continue;
      const std::span<const float> values(model.parameters.data() + parameter.offset, parameter.size());
      norm[parameter.name == "weight" ? "gamma" : "beta"] = histogram(values);
    }
    if (measured) norm.update(distances(model, *measured, slot));
    for (const RunningError& error : result.running_error) {
      if (error.layer != slot.layer) continue;
      norm["mean_distance"] = error.mean_distance;
      norm["variance_ratio"] = error.variance_ratio;
    }
    object["norms"].push_back(std::move(norm));
  }
}

}  // namespace ztilde::cli
