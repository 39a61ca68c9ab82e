// The texts of ranges and lists.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "search/space.hpp"
#include "ztilde/error.hpp"

namespace ztilde::search {
namespace {

constexpr std::string_view kRange = "..", kLogarithm = ":log";

enum class Values { reals, wholes, words, lists };

struct Searchable {
  std::string_view option;
  Values values;
  std::string_view example;
};
constexpr Searchable kSearchable[] = {
    {"--hidden", Values::lists, "64..512x1..4"},
    {"--activation", Values::words, "relu,silu"},
    {"--norm", Values::words, "batch,none"},
    {"--norm-place", Values::words, "before,after"},
    {"--epsilon", Values::reals, "1e-6..1e-3:log"},
    {"--keep", Values::reals, "0.8..0.99"},
    {"--standardise", Values::words, "on,quantile"},
    {"--one-hot", Values::wholes, "4..32"},
    {"--dropout", Values::reals, "0..0.5"},
    {"--net", Values::words, "cnn-small,resnet8"},
    {"--init", Values::words, "he,xavier"},
    {"--optimizer", Values::words, "adamw,momentum"},
    {"--lr", Values::reals, "1e-4..1e-1:log"},
    {"--schedule", Values::words, "cosine,onecycle"},
    {"--warmup", Values::wholes, "0..200"},
    {"--weight-decay", Values::reals, "1e-4..1e-1:log"},
    {"--clip", Values::reals, "0.5..5"},
    {"--label-smoothing", Values::reals, "0..0.2"},
    {"--average-weights", Values::reals, "0.9..0.999"},
    {"--batch", Values::wholes, "64,256,1024"},
    {"--ghost", Values::wholes, "16..128"},
    {"--shift", Values::wholes, "0..4"},
    {"--cutout", Values::wholes, "0..8"},
};
// Trials that differ in these could not be compared.
constexpr std::string_view kTheSameForAll[] = {"--epochs", "--seed", "--valid-fraction", "--folds",
                                               "--patience"};

[[noreturn]] void refuse(const Searchable& searched, const std::string& what) {
  throw Error(ErrorKind::data, fmt::format("{}: {}; write {}", searched.option, what, searched.example));
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

constexpr double kMostWhole = 0x1p53;

bool is_whole(double value) { return value >= 0 && value <= kMostWhole && value == std::floor(value); }

// "64..512", or where that may be, "256".
std::pair<double, double> bounds(const Searchable& searched, std::string_view text, bool whole,
                                 bool may_be_one) {
  const std::size_t dots = text.find(kRange);
  const std::string_view first = text.substr(0, dots);
  const std::string_view last = dots == text.npos ? first : text.substr(dots + kRange.size());
  const std::optional<double> least = number(first), most = number(last);
  if (!least || !most || (dots == text.npos && !may_be_one))
    refuse(searched, fmt::format("'{}' is no range of numbers", printable(text)));
  if (whole && (!is_whole(*least) || !is_whole(*most)))
    refuse(searched, fmt::format("'{}' is no range of whole numbers", printable(text)));
  if (*least > *most || (*least == *most && !may_be_one))
    refuse(searched, fmt::format("{} is not below {}", printable(first), printable(last)));
  return {*least, *most};
}

Dimension range(const Searchable& searched, const std::string& text) {
  std::string_view numbers = text;
  const bool logarithm = numbers.ends_with(kLogarithm);
  if (logarithm) numbers.remove_suffix(kLogarithm.size());
  Dimension dimension;
  dimension.option = searched.option;
  dimension.text = text;
  const bool whole = searched.values == Values::wholes;
  std::tie(dimension.least, dimension.most) = bounds(searched, numbers, whole, false);
  if (logarithm && dimension.least <= 0)
    refuse(searched, fmt::format("a logarithm needs numbers above 0, and '{}' begins at {}", printable(text),
                                 shown(dimension.least)));
  dimension.kind = whole       ? DimensionKind::whole
                   : logarithm ? DimensionKind::logarithmic
                               : DimensionKind::real;
  dimension.logarithmic_whole = whole && logarithm;
  return dimension;
}

Dimension layers(const Searchable& searched, const std::string& text) {
  const std::size_t times = text.find('x');
  if (times == text.npos) refuse(searched, fmt::format("'{}' does not say how many layers", printable(text)));
  Dimension dimension;
  dimension.option = searched.option;
  dimension.kind = DimensionKind::layers;
  dimension.text = text;
  const std::string_view all = text;
  std::tie(dimension.least, dimension.most) = bounds(searched, all.substr(0, times), true, true);
  const auto [fewest, most] = bounds(searched, all.substr(times + 1), true, true);
  constexpr double kMostLayers = 1000;
  if (dimension.least < 1 || fewest < 1) refuse(searched, "layers and their widths are from 1");
  if (most > kMostLayers) refuse(searched, fmt::format("at most {} layers", kMostLayers));
  dimension.least_layers = static_cast<std::size_t>(fewest);
  dimension.most_layers = static_cast<std::size_t>(most);
  return dimension;
}

Dimension choice(const Searchable& searched, const std::string& text, char separator) {
  Dimension dimension;
  dimension.option = searched.option;
  dimension.kind = DimensionKind::choice;
  dimension.text = text;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    dimension.choices.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  std::set<std::string> seen;
  for (const std::string& value : dimension.choices) {
    if (value.empty()) refuse(searched, fmt::format("'{}' has an empty value", printable(text)));
    if (!seen.insert(value).second) refuse(searched, fmt::format("'{}' stands twice", printable(value)));
    const bool numbers = searched.values == Values::reals || searched.values == Values::wholes;
    if (numbers && value.find_first_of(".:") != value.npos && !number(value))
      refuse(searched, fmt::format("'{}' is no number; a list has single values", printable(value)));
  }
  return dimension;
}

bool are_layers(const Dimension& dimension, const std::string& text) {
  std::size_t count = 0;
  std::optional<double> width;
  for (std::size_t start = 0; start <= text.size(); ++count) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    const std::optional<double> here = number(std::string_view(text).substr(start, end - start));
    if (!here || (width && *width != *here)) return false;
    width = here;
    start = end + 1;
  }
  return is_whole(*width) && *width >= dimension.least && *width <= dimension.most &&
         count >= dimension.least_layers && count <= dimension.most_layers;
}

}  // namespace

std::optional<Dimension> dimension_of(const std::string& option, const std::string& text) {
  const bool looks_searched = text.find(kRange) != text.npos || text.find(',') != text.npos;
  if (std::ranges::find(kTheSameForAll, option) != std::end(kTheSameForAll) && looks_searched)
    throw Error(
        ErrorKind::data,
        fmt::format("{}: is the same for all trials, which could not be compared else; give one value",
                    option));
  const auto* searched = std::ranges::find(kSearchable, option, &Searchable::option);
  if (searched == std::end(kSearchable)) return std::nullopt;
  const bool is_list = searched->values == Values::lists;
  if (is_list && text.find('|') != text.npos) return choice(*searched, text, '|');
  if (is_list) return text.find(kRange) == text.npos ? std::nullopt : std::optional(layers(*searched, text));
  if (text.find(',') != text.npos) return choice(*searched, text, ',');
  const bool numbers = searched->values != Values::words;
  if (numbers && text.find(kRange) != text.npos) return range(*searched, text);
  if (numbers && text.ends_with(kLogarithm))
    refuse(*searched, fmt::format("'{}' is no range", printable(text)));
  return std::nullopt;
}

bool contains(const Dimension& dimension, const std::string& text) {
  if (dimension.kind == DimensionKind::choice)
    return std::ranges::find(dimension.choices, text) != dimension.choices.end();
  if (dimension.kind == DimensionKind::layers) return are_layers(dimension, text);
  const std::optional<double> value = number(text);
  if (!value || (dimension.kind == DimensionKind::whole && !is_whole(*value))) return false;
  return *value >= dimension.least && *value <= dimension.most;
}

}  // namespace ztilde::search
