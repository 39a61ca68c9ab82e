#include "report/page.hpp"

#include <string_view>
#include <utility>

#include "report/page_files.hpp"

namespace ztilde::report {
namespace {

std::string escaped_markup(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

// JSON in which no "</script>" or "<!--" can be; the same values to whoever parses it.
std::string escaped_json(const Json& value) {
  std::string result;
  for (const char c : json_line(value)) {
    if (c == '<') {
      result += "\\u003c";
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

Json section(const std::string& id, const std::string& title, const std::string& lead, Json blocks) {
  return {{"id", id}, {"title", title}, {"lead", lead}, {"blocks", std::move(blocks)}};
}

std::string json_line(const Json& page) { return page.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string html(const Json& page, PageUse use) {
  // Invalid UTF-8 in the title is replaced on the way through JSON.
  const std::string title = Json::parse(json_line(page.at("title"))).get<std::string>();
  const std::pair<std::string_view, std::string> parts[] = {
      {"@title@", escaped_markup(title)},    {"@connect@", use == PageUse::live ? "'self'" : "'none'"},
      {"@page.css@", std::string(kPageCss)}, {"@use@", use == PageUse::live ? "live" : "offline"},
      {"@page.json@", escaped_json(page)},   {"@chart.js@", std::string(kChartJs)},
      {"@page.js@", std::string(kPageJs)},
  };
  std::string result;
  std::string_view rest = kPageHtml;
  for (const auto& [mark, part] : parts) {
    const std::size_t at = rest.find(mark);
    result += rest.substr(0, at);
    result += part;
    rest.remove_prefix(at + mark.size());
  }
  return result += rest;
}

}  // namespace ztilde::report
