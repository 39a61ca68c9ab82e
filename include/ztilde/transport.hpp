// How the processes that train one model together talk to each other: what MPI or anything else has to do.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace ztilde {

// One of `count` ranks. Its members are called by one thread at a time, not always the same. Messages between
// two ranks with the same tag arrive in the order in which they were sent.
class Transport {
 public:
  using Ticket = std::size_t;

  virtual ~Transport() = default;
  virtual std::size_t rank() const = 0;
  virtual std::size_t count() const = 0;
  // As messages call it: "rank 1 (host, process 4711)".
  virtual std::string name(std::size_t rank) const = 0;

  // Both return at once. The bytes stay where they are, and unchanged, until the ticket is done. tag: 0 …
  // 32,767.
  virtual Ticket send(std::size_t to, int tag, std::span<const std::byte> bytes) = 0;
  virtual Ticket receive(std::size_t from, int tag, std::span<std::byte> bytes) = 0;
  // Goes on with all that is under way. True once for each ticket, which then is no more.
  virtual bool done(Ticket ticket) = 0;
};

}  // namespace ztilde
