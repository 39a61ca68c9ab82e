#include "distributed/mpi_calls.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "base/host_name.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kNameSize = 256;

std::string own_name() { return host_name().substr(0, 200) + ", process " + std::to_string(::getpid()); }

}  // namespace

Error mpi_error(int code, const std::string& with_what) {
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS) length = 0;
  return Error(ErrorKind::io,
               with_what + ": MPI reports \"" + std::string(text.data(), static_cast<std::size_t>(length)) +
                   "\"; see whether all ranks still run, then resume from the last checkpoint");
}

void check_mpi(int code, const std::string& with_what) {
  if (code != MPI_SUCCESS) throw mpi_error(code, with_what);
}

MPI_Comm start_mpi() {
  int started = 0;
  MPI_Initialized(&started);
  if (started != 0) throw Error(ErrorKind::io, "MPI was started already; one transport serves a process");
  int threads = 0;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &threads), "starting MPI");
  if (threads < MPI_THREAD_SERIALIZED)
    throw Error(ErrorKind::io, "this MPI library serves one thread only; use one built for several");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm own = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &own), "starting MPI");
  MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN);
  return own;
}

void end_mpi(MPI_Comm communicator) {
  MPI_Request all_here = MPI_REQUEST_NULL;
  if (MPI_Ibarrier(communicator, &all_here) != MPI_SUCCESS) return;
  // The slowest rank may have minutes of work left, on these cores.
  for (int there = 0; there == 0; std::this_thread::sleep_for(std::chrono::milliseconds(1)))
    if (MPI_Test(&all_here, &there, MPI_STATUS_IGNORE) != MPI_SUCCESS) return;
  MPI_Comm_free(&communicator);
  MPI_Finalize();
}

std::vector<std::string> names_of_ranks(MPI_Comm communicator) {
  int count = 0;
  check_mpi(MPI_Comm_size(communicator, &count), "starting MPI");
  std::array<char, kNameSize> own{};
  own_name().copy(own.data(), own.size() - 1);
  std::vector<char> all(kNameSize * static_cast<std::size_t>(count));
  check_mpi(MPI_Allgather(own.data(), static_cast<int>(kNameSize), MPI_CHAR, all.data(),
                          static_cast<int>(kNameSize), MPI_CHAR, communicator),
            "starting MPI");
  std::vector<std::string> names;
  for (std::size_t rank = 0; rank < static_cast<std::size_t>(count); ++rank)
    names.push_back("rank " + std::to_string(rank) + " (" + (all.data() + rank * kNameSize) + ")");
  return names;
}

}  // namespace ztilde
