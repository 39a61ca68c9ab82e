// What a packed file begins with and what its JSON header says (docs/pack.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ztilde/error.hpp"
#include "ztilde/pack.hpp"

namespace ztilde::pack_file {

constexpr std::string_view kMagic = "\x89ZTPACK\n";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kPage = 4096;            // the first one; the inputs begin behind it
constexpr std::size_t kBlockBytes = 1u << 18;  // about; of one row at least
constexpr std::size_t kAligned = 64;           // where the other sections begin
constexpr std::size_t kMostRows = 0xFFFFFFFFu;

struct Section {
  std::uint64_t offset = 0, bytes = 0, checksum = 0;
};

struct Header {
  PackInfo info;
  Section inputs;  // its checksum is that of all blocks' checksums, in their order
  Section targets, weights, checksums;
  std::size_t row_bytes() const { return info.frame.columns * (info.is_bytes ? 1 : sizeof(float)); }
};

std::uint64_t checksum(std::string_view bytes);
std::size_t rows_in_block(std::size_t row_bytes);
std::uint64_t aligned(std::uint64_t offset);

std::string to_json(const Header& header);
// Throws Error(data) for what is no such header, or not that of a file of `file_bytes` bytes whose header
// begins at `end`.
Header from_json(const std::string& path, std::string_view text, std::uint64_t end);

// The first page, which says where the header is.
std::string first_page(std::uint64_t offset, std::string_view header);
Section header_of_page(const std::string& path, std::string_view page, std::uint64_t file_bytes);

[[noreturn]] void fail(const std::string& path, const std::string& what, ErrorKind kind = ErrorKind::data);

}  // namespace ztilde::pack_file
