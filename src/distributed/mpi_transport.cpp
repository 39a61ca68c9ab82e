// The transport over MPI: a ticket is a place in a table, with one request for each part of its message.
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>
#include <vector>

#include "distributed/mpi_calls.hpp"
#include "ztilde/error.hpp"
#include "ztilde/mpi.hpp"

namespace ztilde {
namespace {

class MpiTransport : public Transport {
 public:
  explicit MpiTransport(std::size_t largest) : largest_(largest), communicator_(start_mpi()) {
    int rank = 0;
    check_mpi(MPI_Comm_rank(communicator_, &rank), "starting MPI");
    rank_ = static_cast<std::size_t>(rank);
    names_ = names_of_ranks(communicator_);
  }
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;
  ~MpiTransport() override {
    // After a failure the others would be waited for in vain.
    if (!broken_ && free_.size() == open_.size() && std::uncaught_exceptions() == 0) end_mpi(communicator_);
  }

  std::size_t rank() const override { return rank_; }
  std::size_t count() const override { return names_.size(); }
  std::string name(std::size_t rank) const override { return names_.at(rank); }

  Ticket send(std::size_t to, int tag, std::span<const std::byte> bytes) override {
    const Ticket ticket = open(to, true);
    each_part(
        bytes,
        [&](std::span<const std::byte> part, MPI_Request& request) {
          check_mpi(MPI_Isend(part.data(), static_cast<int>(part.size()), MPI_BYTE, static_cast<int>(to), tag,
                              communicator_, &request),
                    name(to));
        },
        open_[ticket]);
    return ticket;
  }

  Ticket receive(std::size_t from, int tag, std::span<std::byte> bytes) override {
    const Ticket ticket = open(from, false);
    each_part(
        bytes,
        [&](std::span<std::byte> part, MPI_Request& request) {
          check_mpi(MPI_Irecv(part.data(), static_cast<int>(part.size()), MPI_BYTE, static_cast<int>(from),
                              tag, communicator_, &request),
                    name(from));
        },
        open_[ticket]);
    return ticket;
  }

  bool done(Ticket ticket) override {
    if (ticket >= open_.size() || open_[ticket].parts.empty())
      throw Error(ErrorKind::data, "a ticket was asked for after it was done");
    Open& open = open_[ticket];
    while (open.next < open.parts.size()) {
      int there = 0;
      MPI_Status status;
      const int problem = MPI_Test(&open.parts[open.next].request, &there, &status);
      if (problem == MPI_SUCCESS && there == 0) return false;
      if (problem != MPI_SUCCESS || !has_size(open, status)) fail(ticket, problem);
      ++open.next;
    }
    release(ticket);
    return true;
  }

 private:
  struct Part {
    MPI_Request request;
    std::size_t size;
  };
  struct Open {
    std::size_t peer = 0, next = 0;
    bool is_send = false;
    std::vector<Part> parts;  // none: free
  };

  Ticket open(std::size_t peer, bool is_send) {
    if (free_.empty()) {
      free_.push_back(open_.size());
      open_.emplace_back();
    }
    const Ticket ticket = free_.back();
    free_.pop_back();
    open_[ticket].peer = peer;
    open_[ticket].next = 0;
    open_[ticket].is_send = is_send;
    return ticket;
  }

  // An empty message has one part too.
  template <class Byte, class Start>
  void each_part(std::span<Byte> bytes, const Start& start, Open& open) const {
    do {
      const std::span<Byte> part = bytes.first(std::min(bytes.size(), largest_));
      MPI_Request request = MPI_REQUEST_NULL;
      start(part, request);
      open.parts.push_back({request, part.size()});
      bytes = bytes.subspan(part.size());
    } while (!bytes.empty());
  }

  void release(Ticket ticket) {
    open_[ticket].parts.clear();  // keeps its memory: a training step allocates nothing here
    free_.push_back(ticket);
  }

  static bool has_size(const Open& open, const MPI_Status& status) {
    int arrived = 0;
    return open.is_send || (MPI_Get_count(&status, MPI_BYTE, &arrived) == MPI_SUCCESS &&
                            static_cast<std::size_t>(arrived) == open.parts[open.next].size);
  }

  [[noreturn]] void fail(Ticket ticket, int problem) {
    const std::string peer = name(open_[ticket].peer);
    release(ticket);
    int kind = MPI_SUCCESS;
    MPI_Error_class(problem, &kind);
    if (kind == MPI_SUCCESS || kind == MPI_ERR_TRUNCATE)
      throw Error(ErrorKind::data, peer + " sent a message of another size than this rank waits for");
    broken_ = true;
    throw mpi_error(problem, peer);
  }

  std::size_t largest_, rank_ = 0;
  MPI_Comm communicator_;
  std::vector<std::string> names_;
  std::vector<Open> open_;
  std::vector<Ticket> free_;
  bool broken_ = false;
};

}  // namespace

std::unique_ptr<Transport> mpi_transport(std::size_t largest) {
  return std::make_unique<MpiTransport>(std::clamp(largest, std::size_t{1}, std::size_t{1} << 30));
}

void abandon(int exit_code) {
  // MPI_Abort has to reach the launcher, which may be what is broken.
  std::thread([exit_code] {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    ::_exit(exit_code);
  }).detach();
  int started = 0, ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  if (started != 0 && ended == 0) MPI_Abort(MPI_COMM_WORLD, exit_code);
  ::_exit(exit_code);
}

}  // namespace ztilde

ztilde::Transport* ztilde_mpi_transport() { return ztilde::mpi_transport().release(); }
void ztilde_mpi_abandon(int exit_code) { ztilde::abandon(exit_code); }
