// Ranks that an MPI launcher started (mpirun, srun --mpi=pmix): a component of its own, ztilde::mpi.
#pragma once

#include <cstddef>
#include <memory>

#include "ztilde/transport.hpp"

namespace ztilde {

// Starts MPI, once in a process; a collective call. Other threads than the calling one may use what it
// returns, one at a time. Messages above `largest` bytes travel as several; it has to be the same on all
// ranks. Destroyed with all tickets done, it waits for the other ranks to come as far, then ends MPI; this
// belongs to the thread that started it. Destroyed earlier, it leaves MPI as it is, and the launcher ends the
// others. Throws Error(io) where MPI cannot be started; the members throw it where MPI fails, and name the
// other rank.
std::unique_ptr<Transport> mpi_transport(std::size_t largest = std::size_t{1} << 30);

// Ends the processes of all ranks, for one that cannot go on: by MPI_Abort, and where that does not come back
// within 2 seconds, at least its own. Any thread may call it.
[[noreturn]] void abandon(int exit_code);

}  // namespace ztilde

// What a program that loads the component only when it is wanted (dlopen) looks up by name: the two above.
// The transport is the caller's to delete.
extern "C" ztilde::Transport* ztilde_mpi_transport();
extern "C" void ztilde_mpi_abandon(int exit_code);
