// The file of --columns: {"age": "numeric", "id": "ignored", …}.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/text.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

using nlohmann::json;

const std::vector<std::pair<std::string, ColumnRole>> kRoles = {{"numeric", ColumnRole::numeric},
                                                                {"categorical", ColumnRole::categorical},
                                                                {"ignored", ColumnRole::ignored},
                                                                {"weight", ColumnRole::weight},
                                                                {"target", ColumnRole::target}};

}  // namespace

std::string_view to_string(ColumnRole role) {
  return std::ranges::find(kRoles, role, &std::pair<std::string, ColumnRole>::second)->first;
}

void read_roles(const std::string& path, CsvOptions& options) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorKind::data, fmt::format("{}: {}", shown_path(path), what));
  };
  const std::string text = read_file(path);
  std::set<std::string> seen;
  // JSON would let the last of two equal names win.
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1 && !seen.insert(parsed.get<std::string>()).second) {
      refuse(
          fmt::format("column '{}' is there twice; give it one role", printable(parsed.get<std::string>())));
    }
    return true;
  };
  json root;
  try {
    root = json::parse(text, watch);
  } catch (const json::parse_error& error) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text.size()));
    throw Error(ErrorKind::data, fmt::format("{}:{}: is no JSON there; write {{\"NAME\": \"numeric\", …}}",
                                             shown_path(path), std::count(text.begin(), end, '\n') + 1));
  } catch (const json::exception&) {
    refuse("is no JSON that can be read; write {\"NAME\": \"numeric\", …}");
  }
  if (!root.is_object()) refuse("is no JSON object; write {\"NAME\": \"numeric\", …}");
  std::vector<std::string> known;
  for (const auto& [name, role] : kRoles) known.push_back(name);
  for (const auto& [name, value] : root.items()) {
    const std::string word = value.is_string() ? value.get<std::string>() : value.dump();
    const auto role = std::ranges::find(kRoles, word, &std::pair<std::string, ColumnRole>::first);
    if (!value.is_string() || role == kRoles.end()) {
      refuse(fmt::format("the role of column '{}' is {}{}", printable(name), printable(word),
                         did_you_mean(word, known)));
    }
    options.roles.emplace_back(name, role->second);
  }
}

}  // namespace ztilde
