#include "cli/pack_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"
#include "cli/streams.hpp"

namespace ztilde::cli {
namespace {

std::string target_words(const Dataset& frame) {
  if (frame.task == Task::regress) return fmt::format("'{}', numbers", printable(frame.target_name));
  constexpr std::size_t kMostShown = 8;
  std::string names;
  for (std::size_t i = 0; i < std::min(kMostShown, frame.classes.size()); ++i)
    names += (i == 0 ? "" : ", ") + printable(frame.classes[i]);
  return fmt::format("'{}', {} classes: {}{}", printable(frame.target_name),
                     with_commas(frame.classes.size()), names,
                     frame.classes.size() > kMostShown ? ", …" : "");
}

std::string column_words(const PackInfo& info) {
  const Dataset& frame = info.frame;
  if (frame.image_width > 0) {
    return fmt::format("{} × {} pixels, {}", frame.image_width, frame.image_height,
                       counted(frame.image_channels(), "channel"));
  }
  const auto categorical = std::ranges::count(frame.column_info, ColumnKind::categorical, &Column::kind);
  return fmt::format("{}{}", with_commas(frame.columns),
                     categorical == 0 ? "" : fmt::format(", {} of them categorical", categorical));
}

}  // namespace

std::string pack_words(const PackInfo& info, const std::string& path, bool checked) {
  constexpr std::size_t kIndent = 12;
  const std::size_t width = output_width();
  std::string text;
  const auto line = [&](const char* name, const std::string& words) {
    text += wrapped(name, kIndent, words, width);
  };
  line("file", fmt::format("{}, {}", shown_path(path), shown_bytes(info.file_bytes)));
  line("rows", fmt::format("{}, {}", with_commas(info.frame.rows),
                           info.order == PackOrder::kept ? "in the order they had"
                                                         : fmt::format("shuffled with seed {}", info.seed)));
  line(info.frame.image_width > 0 ? "images" : "columns", column_words(info));
  if (info.has_targets) line("target", target_words(info.frame));
  if (info.has_weights) line("weights", fmt::format("'{}'", printable(info.frame.rules.weight_name)));
  line("inputs", fmt::format("{}, {} of {} rows", info.is_bytes ? "bytes" : "32-bit floats",
                             counted(info.blocks, "block"), with_commas(info.block_rows)));
  if (checked) line("checksums", "all right");
  return text;
}

std::string pack_json(const PackInfo& info, const std::string& path, bool checked, double seconds) {
  const Dataset& frame = info.frame;
  nlohmann::ordered_json object = {{"file", path},
                                   {"rows", frame.rows},
                                   {"columns", frame.columns},
                                   {"task", frame.task == Task::classify ? "classify" : "regress"},
                                   {"target", frame.target_name},
                                   {"classes", frame.classes},
                                   {"names", frame.column_names},
                                   {"weights", info.has_weights},
                                   {"cells", info.is_bytes ? "u8" : "f32"},
                                   {"block_rows", info.block_rows},
                                   {"blocks", info.blocks},
                                   {"bytes", info.file_bytes},
                                   {"order", info.order == PackOrder::kept ? "kept" : "shuffled"},
                                   {"seed", info.seed}};
  if (seconds >= 0) object["seconds"] = seconds;
  if (checked) object["checked"] = true;
  return json_line(object);
}

}  // namespace ztilde::cli
