#include "report/blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "report/page_files.hpp"
#include "report/series.hpp"

namespace ztilde::report {
namespace {

// "$name" and "$name=value" of a specification, filled in; empty where there is nothing to fill in.
std::optional<Json> filled(const Json& spec, const Json& data) {
  if (spec.is_string()) {
    const std::string& text = spec.get_ref<const std::string&>();
    if (!text.starts_with('$')) return spec;
    const std::size_t end = text.find('=');
    const std::string name = text.substr(1, end == text.npos ? end : end - 1);
    if (data.contains(name)) return data[name];
    if (end == text.npos) return std::nullopt;
    // A number, a truth value or a word.
    const std::string standard = text.substr(end + 1);
    const Json parsed = Json::parse(standard, nullptr, false);
    return parsed.is_discarded() ? Json(standard) : parsed;
  }
  if (spec.is_object()) {
    Json result = Json::object();
    for (const auto& [name, value] : spec.items()) {
      if (auto each = filled(value, data)) result[name] = std::move(*each);
    }
    return result;
  }
  if (spec.is_array()) {
    Json result = Json::array();
    for (const Json& value : spec) {
      if (auto each = filled(value, data)) result.push_back(std::move(*each));
    }
    return result;
  }
  return spec;
}

Json axis(const Axis& each) { return {{"label", each.label}, {"ticks", each.ticks}}; }

Json scale_of(const Scale& scale) {
  return {{"label", scale.label},
          {"least", scale.least},
          {"most", scale.most},
          {"unit", scale.unit},
          {"logarithmic", scale.logarithmic},
          {"diverging", scale.diverging}};
}

Json parallel_axis(const ParallelAxis& each) {
  Json axis = {{"label", each.label},
               {"least", each.least},
               {"most", each.most},
               {"logarithmic", each.logarithmic},
               {"whole", each.whole}};
  if (!each.choices.empty()) axis["choices"] = each.choices;
  return axis;
}

}  // namespace

Json text(const std::string& words) { return {{"type", "text"}, {"text", words}}; }

Json code(const std::string& words) { return {{"type", "code"}, {"text", words}}; }

Json figures(const std::vector<Figure>& items) {
  Json list = Json::array();
  for (const Figure& item : items) {
    list.push_back({{"label", item.label}, {"value", item.value}, {"note", item.note}});
  }
  return {{"type", "figures"}, {"items", list}};
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::reproduced:
      return "reproduced";
    case Verdict::not_reproduced:
      return "not reproduced";
    case Verdict::beyond:
      return "beyond";
  }
  return "";
}

Json verdict(Verdict verdict, const std::string& words, const std::vector<VerdictNumber>& numbers) {
  Json list = Json::array();
  for (const VerdictNumber& number : numbers) {
    list.push_back({{"label", number.label},
                    {"value", number.value},
                    {"threshold", number.threshold},
                    {"met", number.met}});
  }
  return {
      {"type", "verdict"}, {"verdict", std::string(to_string(verdict))}, {"text", words}, {"numbers", list}};
}

Json chart(std::string_view spec, const Json& data) {
  const auto specs = chart_specs();
  const auto found = std::ranges::find(specs, spec, &ChartSpec::name);
  if (found == specs.end()) throw std::out_of_range(fmt::format("no charts/{}.json", spec));
  Json block = {{"type", "chart"}};
  block.update(*filled(Json::parse(found->text), data));
  return block;
}

Json heatmap(const Heatmap& map) {
  Json cells = Json::array();
  for (const auto& row : map.cells) {
    Json values = Json::array();
    for (const auto& cell : row) values.push_back(cell ? Json(*cell) : Json());
    cells.push_back(values);
  }
  Json block = {{"type", "heatmap"}, {"title", map.title}, {"alt", map.alt},        {"x", axis(map.x)},
                {"y", axis(map.y)},  {"cells", cells},     {"hatched", map.hatched}};
  block["scale"] = scale_of(map.scale);
  block["values"] = map.values;
  if (!map.note.empty()) block["note"] = map.note;
  return block;
}

Json parallel(const Parallel& picture) {
  Json axes = Json::array(), lines = Json::array();
  for (const ParallelAxis& each : picture.axes) axes.push_back(parallel_axis(each));
  for (const ParallelLine& line : picture.lines) {
    Json values = Json::array();
    for (const double value : line.values) values.push_back(rounded(value));
    lines.push_back({{"name", line.name},
                     {"values", values},
                     {"result", line.result ? rounded(*line.result) : Json()},
                     {"state", line.state}});
  }
  Json block = {{"type", "parallel"}, {"title", picture.title}, {"alt", picture.alt},
                {"axes", axes},       {"lines", lines},         {"scale", scale_of(picture.scale)}};
  if (picture.has_best) block["best"] = 0;
  if (!picture.note.empty()) block["note"] = picture.note;
  return block;
}

Json table(const std::string& title, const std::vector<std::string>& columns, const Json& rows) {
  return {{"type", "table"}, {"title", title}, {"columns", columns}, {"rows", rows}};
}

Json layers(const std::vector<LayerItem>& items) {
  Json list = Json::array();
  for (const LayerItem& item : items) {
    list.push_back(
        {{"name", item.name}, {"shape", item.shape}, {"parameters", item.parameters}, {"note", item.note}});
  }
  return {{"type", "layers"}, {"items", list}};
}

Json images(const std::string& title, std::size_t width, std::size_t height,
            const std::vector<ImageItem>& items) {
  Json list = Json::array();
  for (const ImageItem& item : items) {
    list.push_back({{"pixels", base64(item.pixels)}, {"caption", item.caption}});
  }
  return {{"type", "images"}, {"title", title}, {"width", width}, {"height", height}, {"items", list}};
}

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < left ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) result += k <= left ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return result;
}

}  // namespace ztilde::report
