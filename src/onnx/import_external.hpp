// Numbers of a tensor that lie in a file beside the model: in its folder or below, and nowhere else.
#pragma once

#include <cstddef>
#include <string>

#include "onnx/onnx_pb.h"

namespace ztilde::onnx_import {

// The bytes of the tensor. Throws Error that begins with `where`: for an absolute path, one that leaves the
// folder by .. or by a link, and for bytes that the file does not have. An empty folder: refused at all.
std::string read_external(const ::onnx::TensorProto& proto, const std::string& folder, std::size_t bytes,
                          const std::string& where);

}  // namespace ztilde::onnx_import
