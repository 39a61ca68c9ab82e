// The safetensors format in memory: 8 bytes of header length, a JSON header, the tensors' bytes.
// https://huggingface.co/docs/safetensors (format section). Little-endian, row-major.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ztilde::safetensors {

// ztilde writes the first three.
enum class Dtype { f32, f64, i64, f16, bf16 };
std::size_t byte_size(Dtype dtype);
std::string_view to_string(Dtype dtype);  // "F32", "F64", "I64", "F16", "BF16"

struct Tensor {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::size_t> shape;  // empty: a scalar
  std::string_view bytes;          // somebody else's memory
};

struct File {
  std::map<std::string, std::string> metadata;
  std::vector<Tensor> tensors;
};

// The same File gives the same bytes. Tensors of larger numbers come first, else the given order is kept:
// every tensor is aligned and there are no holes, which the format forbids. Data starts at a
// multiple of 64. Requires valid UTF-8, distinct names and bytes that fit shape and dtype.
std::string write(const File& file);

// The same file in pieces, so that the tensors need no copy.
struct Pieces {
  std::string header;                           // everything before the data
  std::vector<std::string_view> tensors;        // views of the File's
  std::shared_ptr<const void> owner;            // of memory that they view, where it is nobody else's
  std::vector<std::string_view> parts() const;  // all of them, views of this too
  std::string joined() const;
};
Pieces pieces(const File& file);

// The tensors, in the order of their bytes, view `content`. Refuses with Error(data) naming
// file_name whatever the format forbids, and dtypes other than those above.
File read(std::string_view content, const std::string& file_name);

// Whether content begins as such a file does; a weak test, for choosing an error message.
bool looks_like_one(std::string_view content);

}  // namespace ztilde::safetensors
