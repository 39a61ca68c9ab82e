#include "cli/image_words.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kMostSizes = 6;
constexpr std::size_t kMostClasses = 40;
constexpr std::size_t kNameBytes = 28;

std::string shown(ImageSize size) { return fmt::format("{} × {}", size.width, size.height); }

std::string size_words(const ImageSurvey& survey) {
  if (survey.sizes.size() == 1) return fmt::format("all of {} pixels", shown(survey.sizes[0].first));
  std::string text =
      fmt::format("{} (give train --image-size to have one): ", counted(survey.sizes.size(), "size"));
  for (std::size_t i = 0; i < std::min(survey.sizes.size(), kMostSizes); ++i) {
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", shown(survey.sizes[i].first),
                        with_commas(survey.sizes[i].second));
  }
  return survey.sizes.size() > kMostSizes ? text + ", …" : text;
}

std::string channel_words(const ImagesFound& found) {
  const ImageSurvey& survey = found.survey;
  if (survey.grey == survey.images) return "1, all are grey";
  const std::string number = with_commas(found.channels);
  return survey.grey == 0 ? number : fmt::format("{}; {} are grey", number, with_commas(survey.grey));
}

}  // namespace

ImagesFound look_at_folder(const std::string& path) {
  ImagesFound found{survey_image_folder(path)};
  if (found.survey.images > 0) found.channels = found.survey.grey == found.survey.images ? 1 : 3;
  return found;
}

ImagesFound look_at_idx(const std::string& path, const std::string& labels, ImageLayout layout) {
  const Dataset data = read_idx(path, labels, layout);
  ImagesFound found;
  found.survey.images = data.rows;
  found.channels = std::max<std::size_t>(data.image_channels(), 1);
  if (found.channels == 1) found.survey.grey = data.rows;
  if (data.image_width > 0) {
    found.survey.sizes = {{{data.image_width, data.image_height}, data.rows}};
  } else {
    found.bytes = data.columns;
  }
  for (const std::string& name : data.classes) found.survey.classes.emplace_back(name, 0);
  for (const float target : data.targets) ++found.survey.classes[static_cast<std::size_t>(target)].second;
  return found;
}

std::string image_words(const ImagesFound& found, const std::string& path, std::size_t width) {
  constexpr std::size_t kIndent = 12;
  const ImageSurvey& survey = found.survey;
  const auto field = [&](const char* name, const std::string& text) {
    return wrapped(name, kIndent, text, width);
  };
  std::string text =
      wrapped("", 0, fmt::format("{}: {}", shown_path(path), counted(survey.images, "image")), width);
  if (found.bytes > 0) {
    text += field("bytes", fmt::format("{} in each, of no known width and height", with_commas(found.bytes)));
  } else if (survey.images > 0) {
    text += field("pixels", size_words(survey));
    text += field("channels", channel_words(found));
  }
  if (survey.unreadable > 0) {
    text +=
        field("unreadable", fmt::format("{}; the first: {}", with_commas(survey.unreadable), survey.problem));
  }
  if (survey.classes.empty()) return text;
  text += field("classes", with_commas(survey.classes.size()));
  text += '\n';
  std::size_t widest = 0;
  for (const auto& [name, count] : survey.classes)
    widest = std::max(widest, columns_of(printable(name, kNameBytes)));
  for (std::size_t i = 0; i < std::min(survey.classes.size(), kMostClasses); ++i) {
    const auto& [name, count] = survey.classes[i];
    text += wrapped(printable(name, kNameBytes), widest + 2, with_commas(count), width);
  }
  if (survey.classes.size() > kMostClasses)
    text += fmt::format("… and {} more; --json has them\n", survey.classes.size() - kMostClasses);
  return text;
}

std::string image_json(const ImagesFound& found, const std::string& path) {
  using nlohmann::ordered_json;
  const ImageSurvey& survey = found.survey;
  ordered_json object = {{"data", path}, {"images", survey.images}};
  if (found.bytes > 0) object["bytes"] = found.bytes;
  object["sizes"] = ordered_json::array();
  for (const auto& [size, count] : survey.sizes)
    object["sizes"].push_back({{"width", size.width}, {"height", size.height}, {"count", count}});
  object["channels"] = found.channels;
  object["grey"] = survey.grey;
  object["classes"] = ordered_json::array();
  for (const auto& [name, count] : survey.classes)
    object["classes"].push_back({{"name", name}, {"count", count}});
  object["unreadable"] = survey.unreadable;
  if (survey.unreadable > 0) object["problem"] = survey.problem;
  return json_line(object);
}

}  // namespace ztilde::cli
