#include "model/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::safetensors {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are copied as they lie in memory");

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kLargestHeader = 100'000'000;  // the reference implementation's limit
constexpr std::size_t kDataAlignment = 64;
constexpr std::string_view kMetadata = "__metadata__";

[[noreturn]] void refuse(const std::string& file_name, const std::string& what) {
  throw Error(ErrorKind::data,
              fmt::format("{}: not a sound safetensors file: {}; copy the file again or make it anew",
                          file_name, what));
}

std::uint64_t header_length(std::string_view content) {
  std::uint64_t length = 0;
  std::memcpy(&length, content.data(), kLengthBytes);
  return length;
}

// A tensor of the header, with its place in the data.
struct Entry {
  Tensor tensor;
  std::uint64_t begin = 0, end = 0;
};

// Takes the header's JSON events one by one, so that no document tree is built: a hostile header
// costs no more memory than a few times its own length, however deeply it nests.
// A method returns false to stop the parser; `problem` then says why.
class HeaderReader {
 public:
  std::map<std::string, std::string> metadata;
  std::vector<Entry> entries;
  std::string problem;

  bool start_object(std::size_t) {
    if (in_array_ || depth_ >= 2) return unexpected();
    ++depth_;
    return true;
  }

  bool key(std::string& text) {
    key_ = text;
    if (depth_ == 1) {
      if (!names_.insert(text).second)
        return stop(fmt::format("two tensors are named '{}'", printable(text)));
      in_metadata_ = text == kMetadata;
      seen_.clear();
      if (!in_metadata_) entries.push_back({.tensor = {.name = text, .dtype = {}, .shape = {}, .bytes = {}}});
      return true;
    }
    if (in_metadata_) {
      return metadata.contains(text) ? stop(fmt::format("metadata '{}' is given twice", printable(text)))
                                     : true;
    }
    if (text != "dtype" && text != "shape" && text != "data_offsets") return unexpected();
    return seen_.insert(text).second ? true : unexpected();
  }

  bool end_object() {
    --depth_;
    if (depth_ == 1 && !in_metadata_ && seen_.size() != 3) {
      return stop(fmt::format("tensor '{}' lacks its dtype, shape or data_offsets",
                              printable(entries.back().tensor.name)));
    }
    return true;
  }

  bool start_array(std::size_t) {
    if (in_array_ || depth_ != 2 || in_metadata_ || key_ == "dtype") return unexpected();
    in_array_ = true;
    offsets_ = 0;
    return true;
  }

  bool end_array() {
    in_array_ = false;
    return key_ == "data_offsets" && offsets_ != 2 ? unexpected() : true;
  }

  bool number_unsigned(std::uint64_t number) {
    if (!in_array_) return unexpected();
    Entry& entry = entries.back();
    if (key_ == "shape") {
      entry.tensor.shape.push_back(number);
      return true;
    }
    if (offsets_ == 2) return unexpected();
    (offsets_++ == 0 ? entry.begin : entry.end) = number;
    return true;
  }

  bool string(std::string& text) {
    if (depth_ != 2 || in_array_) return unexpected();
    if (in_metadata_) {
      metadata.emplace(key_, std::move(text));
      return true;
    }
    if (key_ != "dtype") return unexpected();
    for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::i64, Dtype::f16, Dtype::bf16}) {
      if (text == to_string(dtype)) {
        entries.back().tensor.dtype = dtype;
        return true;
      }
    }
    return stop(fmt::format("tensor '{}' has dtype '{}', known are F32, F64, I64, F16, BF16",
                            printable(entries.back().tensor.name), printable(text)));
  }

  bool null() { return unexpected(); }
  bool boolean(bool) { return unexpected(); }
  bool number_integer(std::int64_t) { return unexpected(); }
  bool number_float(double, const std::string&) { return unexpected(); }
  bool binary(std::vector<std::uint8_t>&) { return unexpected(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    return stop(fmt::format("the header is not JSON at byte {}", kLengthBytes + position));
  }

 private:
  bool stop(std::string why) {
    problem = std::move(why);
    return false;
  }
  bool unexpected() {
    if (depth_ == 0) return stop("the header is not a JSON object");
    if (in_metadata_) return stop(fmt::format("metadata '{}' is not text", printable(key_)));
    return stop(fmt::format("the header's entry '{}' is not a tensor's dtype, shape and data_offsets",
                            printable(entries.empty() ? key_ : entries.back().tensor.name)));
  }

  int depth_ = 0;  // objects we are inside of
  bool in_array_ = false;
  bool in_metadata_ = false;
  int offsets_ = 0;
  std::string key_;
  std::set<std::string> names_;
  std::set<std::string> seen_;  // of the present tensor's three
};

// Bytes that shape and dtype ask for, or false when that number does not fit.
bool byte_count(const Tensor& tensor, std::uint64_t& bytes) {
  bytes = byte_size(tensor.dtype);
  for (const std::size_t extent : tensor.shape) {
    if (extent != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / extent) return false;
    bytes *= extent;
  }
  return true;
}

}  // namespace

std::size_t byte_size(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
    case Dtype::i64:
      return 8;
    case Dtype::f32:
      return 4;
    case Dtype::f16:
    case Dtype::bf16:
      return 2;
  }
  return 0;
}

std::string_view to_string(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return "F32";
    case Dtype::f64:
      return "F64";
    case Dtype::i64:
      return "I64";
    case Dtype::f16:
      return "F16";
    case Dtype::bf16:
      return "BF16";
  }
  return "";
}

bool looks_like_one(std::string_view content) {
  return content.size() > kLengthBytes && content[kLengthBytes] == '{';
}

std::vector<std::string_view> Pieces::parts() const {
  std::vector<std::string_view> all = {header};
  all.insert(all.end(), tensors.begin(), tensors.end());
  return all;
}

std::string Pieces::joined() const {
  std::size_t size = header.size();
  for (const std::string_view bytes : tensors) size += bytes.size();
  std::string content;
  content.reserve(size);
  content = header;
  for (const std::string_view bytes : tensors) content += bytes;
  return content;
}

std::string write(const File& file) { return pieces(file).joined(); }

Pieces pieces(const File& file) {
  std::vector<const Tensor*> order;
  for (const Tensor& tensor : file.tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const Tensor* a, const Tensor* b) {
    return byte_size(a->dtype) > byte_size(b->dtype);
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header[std::string(kMetadata)] = file.metadata;
  std::size_t offset = 0;
  for (const Tensor* tensor : order) {
    header[tensor->name] = {{"dtype", to_string(tensor->dtype)},
                            {"shape", tensor->shape},
                            {"data_offsets", {offset, offset + tensor->bytes.size()}}};
    offset += tensor->bytes.size();
  }

  std::string text = header.dump();
  const std::size_t used = (kLengthBytes + text.size()) % kDataAlignment;
  text.append(used == 0 ? 0 : kDataAlignment - used, ' ');

  const std::uint64_t length = text.size();
  Pieces all{std::string(kLengthBytes, '\0') + text, {}, {}};
  std::memcpy(all.header.data(), &length, kLengthBytes);
  for (const Tensor* tensor : order) all.tensors.push_back(tensor->bytes);
  return all;
}

File read(std::string_view content, const std::string& file_name) {
  if (content.size() < kLengthBytes) {
    refuse(file_name, fmt::format("it has {}, its header's length alone takes {}",
                                  counted(content.size(), "byte"), kLengthBytes));
  }
  const std::uint64_t length = header_length(content);
  content.remove_prefix(kLengthBytes);
  if (length > kLargestHeader) {
    refuse(file_name, fmt::format("it claims a header of {} bytes, more than the format's {}",
                                  with_commas(length), with_commas(kLargestHeader)));
  }
  if (length > content.size()) {
    refuse(file_name, fmt::format("it claims a header of {} bytes, only {} follow", with_commas(length),
                                  with_commas(content.size())));
  }
  const std::string_view header = content.substr(0, length);
  const std::string_view data = content.substr(length);
  if (!header.starts_with('{')) refuse(file_name, "the header is not a JSON object");

  HeaderReader reader;
  if (!nlohmann::json::sax_parse(header.begin(), header.end(), &reader)) refuse(file_name, reader.problem);

  std::vector<Entry>& entries = reader.entries;
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });

  File file;
  file.metadata = std::move(reader.metadata);
  file.tensors.reserve(entries.size());
  std::uint64_t expected_begin = 0;
  for (Entry& entry : entries) {
    const std::string name = printable(entry.tensor.name);
    if (entry.begin > entry.end || entry.end > data.size()) {
      refuse(file_name, fmt::format("tensor '{}' claims bytes {} to {} of {}", name, entry.begin, entry.end,
                                    data.size()));
    }
    if (entry.begin < expected_begin) {
      refuse(file_name, fmt::format("tensor '{}' overlaps '{}'", name, printable(file.tensors.back().name)));
    }
    if (entry.begin > expected_begin) {
      refuse(file_name, fmt::format("there is a hole of {} before tensor '{}'",
                                    counted(entry.begin - expected_begin, "byte"), name));
    }
    std::uint64_t bytes = 0;
    if (!byte_count(entry.tensor, bytes) || bytes != entry.end - entry.begin) {
      const std::string shape = fmt::format("{}", fmt::join(entry.tensor.shape, ", "));
      refuse(file_name, fmt::format("tensor '{}' has {}, its shape [{}] of {} asks for another number", name,
                                    counted(entry.end - entry.begin, "byte"), printable(shape),
                                    to_string(entry.tensor.dtype)));
    }
    entry.tensor.bytes = data.substr(entry.begin, bytes);
    expected_begin = entry.end;
    file.tensors.push_back(std::move(entry.tensor));
  }
  if (expected_begin != data.size()) {
    refuse(file_name,
           fmt::format("the last tensor is followed by {}", counted(data.size() - expected_begin, "byte")));
  }
  return file;
}

}  // namespace ztilde::safetensors
