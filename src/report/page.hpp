// A page: JSON that one self-contained HTML file draws, offline, in light and dark, wide and narrow.
//   { "title", "subtitle", "sections": [ {"id", "title", "lead", "blocks": [ … of blocks.hpp ]} ] }
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ztilde::report {

using Json = nlohmann::ordered_json;

// Blocks: an array of blocks, in their order. id: letters, digits and "-".
Json section(const std::string& id, const std::string& title, const std::string& lead, Json blocks);

// offline: all there is. live: also follows the events of the server that it came from.
enum class PageUse { offline, live };

// The whole file. Texts may hold anything: what is no UTF-8 is replaced, and nothing becomes markup.
std::string html(const Json& page, PageUse use = PageUse::offline);

// A page's JSON on one line.
std::string json_line(const Json& page);

}  // namespace ztilde::report
