// A safetensors file that vouches for its own bytes: metadata 'checksum' is "crc32:" and eight digits,
// zlib's CRC-32 of the whole file with those digits read as zeros. It finds every flipped bit and
// every burst of up to 32 bits; other damage passes once in 4·10⁹.
#pragma once

#include <string>
#include <string_view>

#include "model/safetensors.hpp"

namespace ztilde {

safetensors::Pieces pieces_with_checksum(safetensors::File file);

// Throws Error(data) naming file_name where `content`, of which `file` was read, has a checksum of
// this kind that does not fit. Another kind, or none, is for require_checksum to refuse: damage is told
// before anything it may have caused, a file of a version to come as what it is.
void require_undamaged(std::string_view content, const safetensors::File& file, const std::string& file_name);
void require_checksum(const safetensors::File& file, const std::string& file_name);

}  // namespace ztilde
