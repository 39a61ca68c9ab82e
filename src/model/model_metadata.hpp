// Everything of a Model but its tensors, as the text values of a safetensors file's metadata.
// docs/model-file.md lists the keys.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "ztilde/model.hpp"

namespace ztilde::model_file {

using Metadata = std::map<std::string, std::string>;

inline constexpr int kFormatVersion = 1;
// What metadata 'format' says in the other kind of file that ztilde writes.
inline constexpr std::string_view kCheckpointFormat = "ztilde checkpoint";

// What metadata "fold" holds.
std::string to_json(const FoldCertificate& certificate);

// All keys but "checksum".
Metadata to_metadata(const Model& model);

// A Model without tensors. Throws Error(data) for a missing key, a value that is not what its key
// holds, a newer format version. Ignores keys it does not know and "conventions", which repeats
// what the network says for readers who know other conventions.
Model from_metadata(const Metadata& metadata, const std::string& file_name);

}  // namespace ztilde::model_file
