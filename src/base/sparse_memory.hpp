// Addresses for more than memory holds: pages take memory when they are first written, and give it back.
#pragma once

#include <cstddef>

namespace ztilde {

class SparseMemory {
 public:
  // Throws Error(io) where the system or `ulimit -v` leaves no such range of addresses.
  explicit SparseMemory(std::size_t bytes);
  SparseMemory(const SparseMemory&) = delete;
  SparseMemory& operator=(const SparseMemory&) = delete;
  ~SparseMemory();

  std::byte* data() const { return static_cast<std::byte*>(data_); }
  // Gives back the pages that lie within these bytes; what was in them is 0 or gone.
  void give_back(std::size_t begin, std::size_t end);

 private:
  void* data_;
  std::size_t bytes_, page_;
};

}  // namespace ztilde
