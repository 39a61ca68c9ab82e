#include "data/pack_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/fingerprint.hpp"

namespace ztilde::pack_file {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little, "packed files are little-endian");

const std::vector<std::string> kMissingWords = {"error", "mean", "indicator"};  // by MissingUse

constexpr std::size_t kVersionAt = 8, kOffsetAt = 16, kBytesAt = 24, kSumAt = 32, kPageSumAt = kPage - 8;

struct Malformed {};

void need(bool holds) {
  if (!holds) throw Malformed();
}

template <class Number>
void put(std::string& page, std::size_t at, Number number) {
  std::memcpy(page.data() + at, &number, sizeof number);
}
template <class Number>
Number get(std::string_view page, std::size_t at) {
  Number number;
  std::memcpy(&number, page.data() + at, sizeof number);
  return number;
}

ordered_json to_json(const Section& section) {
  return {{"offset", section.offset}, {"bytes", section.bytes}, {"checksum", section.checksum}};
}

std::uint64_t whole(const json& value) {
  need(value.is_number_unsigned());
  return value.get<std::uint64_t>();
}

Section section_from(const json& value) {
  return {whole(value.at("offset")), whole(value.at("bytes")), whole(value.at("checksum"))};
}

ordered_json columns_to_json(const Dataset& frame) {
  ordered_json columns = ordered_json::array();
  for (std::size_t i = 0; i < frame.column_names.size(); ++i) {
    ordered_json column = {{"name", frame.column_names[i]}};
    if (!frame.column_info.empty() && frame.column_info[i].kind == ColumnKind::categorical)
      column["categories"] = frame.column_info[i].categories;
    columns.push_back(std::move(column));
  }
  return columns;
}

void columns_from_json(const json& columns, Dataset& frame) {
  need(columns.is_array());
  for (const json& value : columns) {
    Column column{.name = value.at("name").get<std::string>()};
    if (value.contains("categories")) {
      column.kind = ColumnKind::categorical;
      column.categories = value["categories"].get<std::vector<std::string>>();
    }
    frame.column_names.push_back(column.name);
    frame.column_info.push_back(std::move(column));
  }
  need(frame.column_names.empty() || frame.column_names.size() == frame.columns);
  if (std::ranges::all_of(frame.column_info, [](const Column& c) { return c.kind == ColumnKind::numeric; }))
    frame.column_info.clear();
}

ordered_json rules_to_json(const TableRules& rules) {
  return {{"weight", rules.weight_name},
          {"ignored", rules.ignored},
          {"missing", kMissingWords[static_cast<std::size_t>(rules.missing)]},
          {"missing_words", rules.missing_words}};
}

TableRules rules_from_json(const json& value) {
  const auto found = std::ranges::find(kMissingWords, value.at("missing").get<std::string>());
  need(found != kMissingWords.end());
  return {.weight_name = value.at("weight"),
          .ignored = value.at("ignored"),
          .missing = static_cast<MissingUse>(found - kMissingWords.begin()),
          .missing_words = value.at("missing_words")};
}

void frame_from_json(const json& object, Dataset& frame) {
  frame.rows = whole(object.at("rows"));
  frame.columns = whole(object.at("row_cells"));
  need(frame.rows > 0 && frame.rows <= kMostRows && frame.columns > 0 && frame.columns <= kMostRows);
  columns_from_json(object.at("columns"), frame);
  frame.rules = rules_from_json(object.at("rules"));
  const std::string task = object.at("task");
  need(task == "classify" || task == "regress");
  frame.task = task == "classify" ? Task::classify : Task::regress;
  frame.target_name = object.at("target");
  frame.classes = object.at("classes").get<std::vector<std::string>>();
  frame.notes = object.at("notes").get<std::vector<std::string>>();
  const json& image = object.at("image");
  frame.image_width = whole(image.at("width"));
  frame.image_height = whole(image.at("height"));
  frame.images_resized = image.at("resized");
  need((frame.image_width == 0) == (frame.image_height == 0) && frame.image_width <= frame.columns);
  need(frame.image_width == 0 || (frame.image_height <= frame.columns / frame.image_width &&
                                  frame.columns % (frame.image_width * frame.image_height) == 0));
}

// That sections follow one another as they were written, without anything between them but padding.
void check_sections(const Header& header, std::uint64_t end) {
  const std::uint64_t rows = header.info.frame.rows;
  need(header.inputs.offset == kPage && rows <= end / header.row_bytes());
  need(header.inputs.bytes == rows * header.row_bytes());
  need(header.info.block_rows == rows_in_block(header.row_bytes()));
  std::uint64_t at = aligned(kPage + header.inputs.bytes);
  const auto follows = [&](const Section& section, std::uint64_t bytes) {
    need(section.offset == at && section.bytes == bytes);
    at = aligned(at + bytes);
  };
  follows(header.targets, header.info.has_targets ? rows * sizeof(float) : 0);
  follows(header.weights, header.info.has_weights ? rows * sizeof(float) : 0);
  follows(header.checksums, header.info.blocks * sizeof(std::uint64_t));
  need(at == end);
}

Header parsed(std::string_view text, std::uint64_t end) {
  const json object = json::parse(text);
  Header header;
  frame_from_json(object, header.info.frame);
  const std::string cells = object.at("cells"), order = object.at("order");
  need((cells == "u8" || cells == "f32") && (order == "shuffled" || order == "kept"));
  header.info.is_bytes = cells == "u8";
  header.info.order = order == "kept" ? PackOrder::kept : PackOrder::shuffled;
  header.info.seed = whole(object.at("seed"));
  header.info.block_rows = whole(object.at("block_rows"));
  need(header.info.block_rows > 0);
  header.info.blocks = (header.info.frame.rows - 1) / header.info.block_rows + 1;
  header.inputs = section_from(object.at("inputs"));
  header.targets = section_from(object.at("targets"));
  header.weights = section_from(object.at("weights"));
  header.checksums = section_from(object.at("checksums"));
  header.info.has_targets = header.targets.bytes > 0;
  header.info.has_weights = header.weights.bytes > 0;
  need(!header.info.is_bytes || header.info.frame.column_info.empty());
  check_sections(header, end);
  header.info.file_bytes = end + text.size();
  return header;
}

}  // namespace

void fail(const std::string& path, const std::string& what, ErrorKind kind) {
  throw Error(kind, fmt::format("{}: {}", shown_path(path), what));
}

std::uint64_t checksum(std::string_view bytes) {
  Fingerprint sum;
  sum.add(bytes);
  return sum.value();
}

std::size_t rows_in_block(std::size_t row_bytes) { return std::max<std::size_t>(1, kBlockBytes / row_bytes); }

std::uint64_t aligned(std::uint64_t offset) { return (offset + kAligned - 1) / kAligned * kAligned; }

std::string to_json(const Header& header) {
  const Dataset& frame = header.info.frame;
  const ordered_json object = {
      {"rows", frame.rows},
      {"row_cells", frame.columns},
      {"cells", header.info.is_bytes ? "u8" : "f32"},
      {"block_rows", header.info.block_rows},
      {"order", header.info.order == PackOrder::kept ? "kept" : "shuffled"},
      {"seed", header.info.seed},
      {"columns", columns_to_json(frame)},
      {"rules", rules_to_json(frame.rules)},
      {"task", frame.task == Task::classify ? "classify" : "regress"},
      {"target", frame.target_name},
      {"classes", frame.classes},
      {"image",
       {{"width", frame.image_width}, {"height", frame.image_height}, {"resized", frame.images_resized}}},
      {"notes", frame.notes},
      {"inputs", to_json(header.inputs)},
      {"targets", to_json(header.targets)},
      {"weights", to_json(header.weights)},
      {"checksums", to_json(header.checksums)}};
  try {
    return object.dump();
  } catch (const json::exception&) {
    throw Error(ErrorKind::data, "a name of a class or column is not UTF-8 text; rename it, then pack");
  }
}

Header from_json(const std::string& path, std::string_view text, std::uint64_t end) {
  try {
    return parsed(text, end);
  } catch (const json::exception&) {
  } catch (const Malformed&) {
  }
  fail(path, "its header does not fit the file; pack it again");
}

std::string first_page(std::uint64_t offset, std::string_view header) {
  std::string page(kPage, '\0');
  std::ranges::copy(kMagic, page.begin());
  put(page, kVersionAt, kVersion);
  put(page, kOffsetAt, offset);
  put(page, kBytesAt, std::uint64_t{header.size()});
  put(page, kSumAt, checksum(header));
  put(page, kPageSumAt, checksum(std::string_view(page).substr(0, kPageSumAt)));
  return page;
}

Section header_of_page(const std::string& path, std::string_view page, std::uint64_t file_bytes) {
  if (!page.starts_with(kMagic)) fail(path, "is not a packed file; name one that ztilde pack wrote");
  if (page.size() < kPage) fail(path, "is cut off within its first page; copy it again");
  if (const auto version = get<std::uint32_t>(page, kVersionAt); version != kVersion) {
    fail(path, fmt::format("is a packed file of version {}, and version {} is read; pack it again", version,
                           kVersion));
  }
  if (get<std::uint64_t>(page, kPageSumAt) != checksum(page.substr(0, kPageSumAt)))
    fail(path, "its first page is damaged; copy it again, or pack it again");
  const Section header{get<std::uint64_t>(page, kOffsetAt), get<std::uint64_t>(page, kBytesAt),
                       get<std::uint64_t>(page, kSumAt)};
  const std::uint64_t promised = header.offset + header.bytes;
  if (header.offset < kPage || promised < header.offset || promised != file_bytes) {
    fail(path, fmt::format("should have {} bytes and has {}; copy it again", promised, file_bytes));
  }
  return header;
}

}  // namespace ztilde::pack_file
