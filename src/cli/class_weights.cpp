#include "cli/class_weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/values.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kMostListed = 10;
constexpr double kUneven = 1.5;  // the most frequent class over the rarest, from where on it is worth a line
constexpr double kVeryUneven = 3;  // from where on it is worth a hint

// Keeps the file's order of classes, and sees those given twice.
using Pairs = std::vector<std::pair<std::string, double>>;

void add(Pairs& pairs, const std::string& place, const std::string& name, double weight) {
  if (std::ranges::find(pairs, name, &Pairs::value_type::first) != pairs.end()) {
    refuse(place, fmt::format("class '{}' is given twice; give it once", printable(name)));
  }
  pairs.emplace_back(name, weight);
}

std::string rows_of(const std::string& name, std::size_t rows, std::size_t all) {
  return fmt::format("'{}' {} ({:.3g} %)", printable(name), with_commas(rows),
                     100 * static_cast<double>(rows) / static_cast<double>(all));
}

}  // namespace

void parse_class_weights(std::string_view label, const std::string& text, ClassWeights& weights,
                         std::string& file) {
  weights = {};
  file.clear();
  if (text == "none") return;
  if (text == "balanced") {
    weights.balanced = true;
    return;
  }
  if (text.find('=') == text.npos) {
    const std::string words[] = {"balanced", "none"};
    std::error_code ignored;
    if (!nearest_names(text, words).empty() && !std::filesystem::exists(text, ignored)) {
      refuse(label, fmt::format("unknown value '{}'{}", printable(text), did_you_mean(text, words)));
    }
    file = text;
    return;
  }
  for (const std::string& part : split_list(text)) {
    const std::size_t equals = part.rfind('=');
    if (equals == part.npos || equals == 0) {
      refuse(label,
             fmt::format("'{}' is no NAME=WEIGHT; give balanced, none, a list like yes=3,no=1 or a JSON "
                         "file",
                         printable(part)));
    }
    add(weights.given, std::string(label), part.substr(0, equals),
        parse_real(label, part.substr(equals + 1), {.least = 0}));
  }
}

ClassWeights read_class_weights(const std::string& path) {
  using nlohmann::json;
  const std::string text = read_file(path), place = shown_path(path);
  constexpr const char* kForm = R"(; write it as {"yes": 3, "no": 1})";
  ClassWeights weights;
  std::string name;
  const auto see = [&](int depth, json::parse_event_t event, json& value) {
    using Event = json::parse_event_t;
    if (depth == 0 && (event == Event::array_start || event == Event::value))
      refuse(place, std::string("is no JSON object") + kForm);
    if (event == Event::key && depth == 1) name = value.get<std::string>();
    const bool nested = depth >= 1 && (event == Event::array_start || event == Event::object_start);
    if (nested || (event == Event::value && !value.is_number()))
      refuse(place, fmt::format("the weight of '{}' is no number{}", printable(name), kForm));
    if (event == Event::value) add(weights.given, place, name, value.get<double>());
    return true;
  };
  const json parsed = json::parse(text, see, false);
  if (parsed.is_discarded()) refuse(place, std::string("is not valid JSON") + kForm);
  if (weights.given.empty()) refuse(place, std::string("holds no weights") + kForm);
  return weights;
}

std::string class_weights_text(const std::vector<std::string>& classes, const std::vector<double>& weights,
                               bool rounded) {
  std::string text;
  for (std::size_t c = 0; c < weights.size(); ++c) {
    text += (c == 0 ? "" : ",") + classes[c];
    text += rounded ? fmt::format("={:.4g}", weights[c]) : fmt::format("={}", weights[c]);
  }
  return text;
}

std::string class_balance_words(const std::vector<std::string>& classes, const TrainPlanSummary& plan) {
  if (classes.empty() || plan.class_rows.size() != classes.size()) return "";
  const auto [rarest, commonest] = std::ranges::minmax_element(plan.class_rows);
  const double ratio = static_cast<double>(*commonest) / std::max(1.0, static_cast<double>(*rarest));
  const bool weighted = !plan.class_weights.empty();
  if (ratio<kUneven&& * rarest> 0 && !weighted) return "";

  std::string text;
  if (classes.size() <= kMostListed) {
    for (std::size_t c = 0; c < classes.size(); ++c) {
      text += (c == 0 ? "" : ", ") + rows_of(classes[c], plan.class_rows[c], plan.train_rows);
      if (weighted) text += fmt::format(" counting {:.3g} times", plan.class_weights[c]);
    }
  } else {
    const auto name = [&](auto at) {
      return classes[static_cast<std::size_t>(at - plan.class_rows.begin())];
    };
    text = fmt::format("from {} to {}", rows_of(name(rarest), *rarest, plan.train_rows),
                       rows_of(name(commonest), *commonest, plan.train_rows));
    if (weighted) {
      const auto [least, most] = std::ranges::minmax_element(plan.class_weights);
      text += fmt::format(", rows counting {:.3g} to {:.3g} times", *least, *most);
    }
  }
  if (!weighted && ratio >= kVeryUneven) text += "; --class-weights balanced lets the classes count alike";
  return text;
}

}  // namespace ztilde::cli
