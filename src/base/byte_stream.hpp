// The bytes of a file, piece after piece, unzipped on the way where it is a gzip file.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace ztilde {

class ByteStream {
 public:
  // "-" is standard input. Throws Error(io) for what cannot be read: missing, a folder, a device, a
  // pipe that nobody writes to, no permission.
  explicit ByteStream(const std::string& path);
  // Content in memory, as if a file of that name held it.
  ByteStream(const std::string& name, std::string content);
  ~ByteStream();

  // Up to `size` bytes, 0 at the end only. Throws Error: data for damaged gzip data, io for a broken disk.
  std::size_t read(char* out, std::size_t size);

  // From another thread: a read() that waits for somebody to write ends, as if at the end.
  void give_up();

  const std::string& path() const;
  // The size of a plain file; 0 where it is not known, as for pipes and gzip files.
  std::size_t expected() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ztilde
