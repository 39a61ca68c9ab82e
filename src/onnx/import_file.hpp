// From the bytes of an ONNX file to a model; import_onnx() of ztilde/onnx_import.hpp is this and a file.
#pragma once

#include <google/protobuf/message_lite.h>

#include <string>
#include <string_view>

#include "ztilde/onnx_import.hpp"

namespace ztilde::onnx_import {

// Throws Error(data) beginning with `name` for bytes that are not `kind`.
void parse_proto(google::protobuf::MessageLite& proto, std::string_view bytes, const std::string& name,
                 const std::string& kind);

// folder: where external data may lie; empty: they are refused.
OnnxImport from_bytes(std::string_view bytes, const std::string& name, const std::string& folder,
                      const OnnxImportOptions& options);

}  // namespace ztilde::onnx_import
