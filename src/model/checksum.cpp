#include "model/checksum.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <optional>
#include <span>

#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::string_view kName = "checksum";
constexpr std::string_view kKey = "\"checksum\":\"crc32:";
constexpr std::string_view kKind = "crc32:";
constexpr std::string_view kZeroDigits = "00000000";

[[noreturn]] void refuse(const std::string& file_name, const std::string& what) {
  throw Error(ErrorKind::data, fmt::format("{}: {}", file_name, what));
}

// Where the digits stand. In JSON text a quote within a string is escaped, so the first match is the
// key itself and no user's text.
std::optional<std::size_t> place_of_digits(std::string_view content) {
  const std::size_t key = content.find(kKey);
  if (key == std::string_view::npos) return std::nullopt;
  const std::size_t digits = key + kKey.size();
  return content.size() - digits < kZeroDigits.size() ? std::nullopt : std::optional(digits);
}

// Of `content`, whose digits stand at `place`, and the parts that follow it.
std::string digits_of(std::string_view content, std::size_t place, std::span<const std::string_view> rest) {
  const auto add = [](uLong sum, std::string_view part) {
    return crc32_z(sum, reinterpret_cast<const Bytef*>(part.data()), part.size());
  };
  uLong sum = add(crc32_z(0, nullptr, 0), content.substr(0, place));
  sum = add(sum, kZeroDigits);
  sum = add(sum, content.substr(place + kZeroDigits.size()));
  for (const std::string_view part : rest) {
    if (!part.empty()) sum = add(sum, part);  // zlib takes a null pointer for a fresh start
  }
  return fmt::format("{:08x}", sum);
}

bool has_checksum(const safetensors::File& file) {
  const auto found = file.metadata.find(std::string(kName));
  return found != file.metadata.end() && found->second.starts_with(kKind);
}

}  // namespace

safetensors::Pieces pieces_with_checksum(safetensors::File file) {
  file.metadata[std::string(kName)] = std::string(kKind) + std::string(kZeroDigits);
  safetensors::Pieces all = safetensors::pieces(file);
  const std::size_t place = place_of_digits(all.header).value();
  all.header.replace(place, kZeroDigits.size(), digits_of(all.header, place, all.tensors));
  return all;
}

void require_undamaged(std::string_view content, const safetensors::File& file,
                       const std::string& file_name) {
  if (!has_checksum(file)) return;
  const std::optional<std::size_t> place = place_of_digits(content);
  if (place && file.metadata.at(std::string(kName)) == std::string(kKind) + digits_of(content, *place, {}))
    return;
  refuse(file_name, "the file is damaged (its checksum does not fit); copy it again or make it anew");
}

void require_checksum(const safetensors::File& file, const std::string& file_name) {
  if (has_checksum(file)) return;
  refuse(file_name,
         "metadata 'checksum' is missing or of an unknown kind; copy the file again or make it anew");
}

}  // namespace ztilde
