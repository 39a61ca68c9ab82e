#include "onnx/import_external.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_import {
namespace {

namespace fs = std::filesystem;

struct Place {
  std::string location;
  std::size_t offset = 0;
};

[[noreturn]] void refuse(const std::string& where, const std::string& what,
                         ErrorKind kind = ErrorKind::data) {
  throw Error(kind, where + ": " + what);
}

std::size_t number_of(const std::string& text, const std::string& key, const std::string& where) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && !text.empty()) return number;
  refuse(where,
         fmt::format("the {} of its external data is '{}', it must be a whole number", key, printable(text)));
}

Place place_of(const ::onnx::TensorProto& proto, std::size_t bytes, const std::string& where) {
  Place place;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") place.location = entry.value();
    if (entry.key() == "offset") place.offset = number_of(entry.value(), "offset", where);
    if (entry.key() == "length" && number_of(entry.value(), "length", where) != bytes) {
      refuse(where,
             fmt::format("its external data are {} bytes, its dimensions ask for {}; the file is damaged",
                         printable(entry.value()), bytes));
    }
  }
  if (place.location.empty()) refuse(where, "its external data have no location; the file is damaged");
  return place;
}

// The file itself, with no link left in its path.
fs::path path_of(const std::string& location, const std::string& folder, const std::string& where) {
  const std::string shown = printable(location, 80);
  const fs::path relative(location);
  bool leaves = relative.is_absolute() || location.find('\0') != std::string::npos;
  for (const fs::path& part : relative) leaves = leaves || part == "..";
  if (leaves) {
    refuse(
        where,
        fmt::format("its external data are in '{}', outside of the model's folder; put them beside the model",
                    shown));
  }
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);
  const fs::path path = error ? fs::path() : fs::canonical(root / relative, error);
  if (error) {
    refuse(where,
           fmt::format("its external data '{}' cannot be read ({}); put them beside the model", shown,
                       error.message()),
           ErrorKind::io);
  }
  const fs::path inside = path.lexically_relative(root);
  if (inside.empty() || *inside.begin() == "..") {
    refuse(
        where,
        fmt::format("its external data '{}' are a link out of the model's folder; put the file itself there",
                    shown));
  }
  return path;
}

struct Descriptor {
  int number = -1;
  explicit Descriptor(int number_) : number(number_) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

}  // namespace

std::string read_external(const ::onnx::TensorProto& proto, const std::string& folder, std::size_t bytes,
                          const std::string& where) {
  const Place place = place_of(proto, bytes, where);
  const std::string shown = printable(place.location, 80);
  if (folder.empty())
    refuse(where,
           fmt::format("its numbers are in another file, '{}'; give the model as a file beside it", shown));
  const fs::path path = path_of(place.location, folder, where);
  const auto fail = [&](int number) {
    refuse(where, fmt::format("its external data '{}' cannot be read ({})", shown, std::strerror(number)),
           ErrorKind::io);
  };
  // The path has no links any more; one that is put there meanwhile is not followed.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.number < 0) fail(errno);
  struct stat status {};
  if (::fstat(file.number, &status) != 0) fail(errno);
  if (!S_ISREG(status.st_mode))
    refuse(where, fmt::format("its external data '{}' are not a plain file", shown));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (place.offset > size || bytes > size - place.offset) {
    refuse(
        where,
        fmt::format("its external data are {} bytes from byte {} of '{}', which has {}; the file is damaged",
                    bytes, place.offset, shown, size));
  }
  std::string content(bytes, '\0');
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t count =
        ::pread(file.number, content.data() + done, bytes - done, static_cast<off_t>(place.offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail(count < 0 ? errno : EIO);
    done += static_cast<std::size_t>(count);
  }
  return content;
}

}  // namespace ztilde::onnx_import
