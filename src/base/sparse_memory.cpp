#include "base/sparse_memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

SparseMemory::SparseMemory(std::size_t bytes)
    : data_(::mmap(nullptr, std::max<std::size_t>(bytes, 1), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)),
      bytes_(std::max<std::size_t>(bytes, 1)),
      page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
  if (data_ == MAP_FAILED) {
    throw Error(ErrorKind::io,
                fmt::format("no range of addresses for {} of rows ({}); raise ulimit -v, or allow "
                            "overcommitted memory",
                            shown_bytes(bytes), std::strerror(errno)));
  }
  // A huge page would take the memory of rows around those that are wanted.
  ::madvise(data_, bytes_, MADV_NOHUGEPAGE);
}

SparseMemory::~SparseMemory() { ::munmap(data_, bytes_); }

void SparseMemory::give_back(std::size_t begin, std::size_t end) {
  begin = (begin + page_ - 1) / page_ * page_;
  // The last page belongs to nothing else.
  end = end >= bytes_ ? (bytes_ + page_ - 1) / page_ * page_ : end / page_ * page_;
  if (begin < end) ::madvise(data() + begin, end - begin, MADV_DONTNEED);
}

}  // namespace ztilde
