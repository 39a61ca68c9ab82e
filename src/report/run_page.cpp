#include "report/run_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/run_sections.hpp"

namespace ztilde::report {
namespace {

constexpr std::size_t kMostColumns = 60;
constexpr std::size_t kMostClasses = 30;

std::string bare_name(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

std::string title_of(const RunLog& log) {
  const Json& data = object_at(log.run, "data");
  const std::string file = bare_name(text_at(data, "file"));
  if (file.empty()) return "A training";
  const std::string target = text_at(data, "target");
  return file == "-" ? "A training" : target.empty() ? file : file + " → " + target;
}

std::string subtitle_of(const RunLog& log) {
  std::vector<std::string> parts;
  if (const auto rows = count_at(log.run, "train_rows")) parts.push_back(counted(*rows, "training row"));
  if (const std::string network = text_at(log.run, "summary"); !network.empty()) parts.push_back(network);
  if (const std::string date = text_at(log.run, "date"); !date.empty()) parts.push_back(date);
  return fmt::format("{}", fmt::join(parts, " · "));
}

// A table of names and whatever the object has for them.
Json named_values(const std::string& title, const std::string& name, const Json& object) {
  Json rows = Json::array();
  for (const auto& [key, value] : object.items()) {
    if (value.is_primitive()) rows.push_back({key, value.is_string() ? value : Json(value.dump())});
  }
  return rows.empty() ? Json() : table(title, {name, "value"}, rows);
}

std::string class_words(const Json& data) {
  std::string words;
  const Json& classes = list_at(data, "classes");
  for (std::size_t i = 0; i < std::min(classes.size(), kMostClasses); ++i) {
    if (classes[i].is_string())
      words += (words.empty() ? "" : ", ") + printable(classes[i].get_ref<const std::string&>());
  }
  return classes.size() > kMostClasses ? words + fmt::format(", … ({} in all)", classes.size()) : words;
}

Json columns_table(const Json& data) {
  const Json& columns = list_at(data, "columns");
  Json rows = Json::array();
  for (const Json& column : columns) {
    if (rows.size() == kMostColumns) break;
    const auto categories = count_at(column, "categories");
    rows.push_back(
        {text_at(column, "name"), text_at(column, "kind"), categories ? with_commas(*categories) : ""});
  }
  if (rows.empty()) return {};
  const std::string title =
      columns.size() > kMostColumns
          ? fmt::format("The first {} of {} columns", kMostColumns, with_commas(columns.size()))
          : "The columns it reads";
  return table(title, {"column", "kind", "categories"}, rows);
}

Json layers_block(const RunLog& log) {
  std::vector<LayerItem> items;
  for (const Json& layer : list_at(log.run, "network")) {
    items.push_back({text_at(layer, "name"), text_at(layer, "shape"),
                     count_at(layer, "parameters").value_or(0), text_at(layer, "note")});
  }
  return items.empty() ? Json() : layers(items);
}

}  // namespace

std::optional<double> number_at(const Json& object, const char* name) {
  if (!object.is_object() || !object.contains(name) || !object[name].is_number()) return std::nullopt;
  return object[name].get<double>();
}

std::optional<std::uint64_t> count_at(const Json& object, const char* name) {
  const auto number = number_at(object, name);
  if (!number || !(*number >= 0) || *number > 0x1p53) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::string text_at(const Json& object, const char* name) {
  if (!object.is_object() || !object.contains(name) || !object[name].is_string()) return "";
  return object[name].get<std::string>();
}

const Json& list_at(const Json& object, const char* name) {
  static const Json kNone = Json::array();
  return object.is_object() && object.contains(name) && object[name].is_array() ? object[name] : kNone;
}

const Json& object_at(const Json& object, const char* name) {
  static const Json kNone = Json::object();
  return object.is_object() && object.contains(name) && object[name].is_object() ? object[name] : kNone;
}

Progress::Progress(const RunLog& log) {
  const double steps = number_at(log.run, "steps_per_epoch").value_or(0);
  if (steps >= 1) steps_per_unit_ = steps;
}

std::string shown_share(double share) { return fmt::format("{:.2f} %", 100 * share); }

Json description_section(const RunLog& log) {
  if (!log.has_run()) return {};
  Json blocks = Json::array();
  const auto add = [&](Json block) {
    if (!block.is_null()) blocks.push_back(std::move(block));
  };
  add(layers_block(log));
  const Json& data = object_at(log.run, "data");
  Json facts = Json::object();
  const auto fact = [&](const char* name, const std::string& words) {
    if (!words.empty()) facts[name] = words;
  };
  const auto count = [&](const Json& object, const char* name) {
    const auto number = count_at(object, name);
    return number ? with_commas(*number) : std::string();
  };
  fact("data", text_at(data, "file"));
  fact("rows", count(data, "rows"));
  fact("for training", count(log.run, "train_rows"));
  fact("for validation", count(log.run, "valid_rows"));
  fact("target", text_at(data, "target"));
  fact("classes", class_words(data));
  fact("batches", text_at(log.run, "batches"));
  fact("parameters", count(log.run, "parameters"));
  fact("statistics of the model", text_at(log.result, "statistics"));
  fact("seed", count(log.run, "seed"));
  const Json& machine = object_at(log.run, "machine");
  fact("processor", text_at(machine, "processor"));
  fact("threads", count(machine, "threads"));
  fact("ztilde", text_at(log.run, "version"));
  fact("begun", text_at(log.run, "date"));
  add(named_values("The run", "what", facts));
  add(columns_table(data));
  add(named_values("The options", "option", object_at(log.run, "options")));
  return section("what", "What was it?", text_at(log.run, "summary"), blocks);
}

Json command_section(const RunLog& log) {
  const std::string command = text_at(log.run, "command");
  if (command.empty()) return {};
  return section("again", "How to get the same again",
                 "The same data and the same version give the same model, byte for byte, with any number of "
                 "threads.",
                 Json::array({code(command)}));
}

Json run_page(const RunLog& log, RunState state) {
  Json sections = Json::array();
  for (Json each : {learning_section(log, state), quality_section(log), norm_section(log), speed_section(log),
                    description_section(log), command_section(log)}) {
    if (!each.is_null()) sections.push_back(std::move(each));
  }
  return {{"title", title_of(log)}, {"subtitle", subtitle_of(log)}, {"sections", sections}};
}

}  // namespace ztilde::report
