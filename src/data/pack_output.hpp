// Files that are written piece after piece: nameless until they are whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ztilde::pack_file {

// A file in the folder of `path` that has no name, so that nothing is left of it however its writer ends.
// Where the file system knows no such files, it has the name of a temporary (base/files.hpp).
class NamelessFile {
 public:
  // scratch: is never to be named, and so has no name on any file system. Throws Error(io), as all below do.
  NamelessFile(const std::string& path, bool scratch);
  NamelessFile(const NamelessFile&) = delete;
  NamelessFile& operator=(const NamelessFile&) = delete;
  ~NamelessFile();

  void write(std::string_view bytes, std::uint64_t offset);
  void read(char* out, std::size_t bytes, std::uint64_t offset) const;
  // Is on disk, then takes the place of what is at `path`, links followed.
  void take_place();

 private:
  [[noreturn]] void fail_now(const char* what) const;
  std::string path_, target_, name_;
  int descriptor_ = -1;
};

}  // namespace ztilde::pack_file
