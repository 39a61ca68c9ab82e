// The component libztilde_mpi.so, loaded when it is wanted: without MPI the program neither needs it nor
// waits for it.
#pragma once

#include "ztilde/transport.hpp"

namespace ztilde::cli {

struct RanksLibrary {
  Transport* (*transport)() = nullptr;
  void (*abandon)(int exit_code) = nullptr;
};

// Stays loaded. Throws Error(data) where it is not beside libztilde.so, or cannot be loaded.
RanksLibrary load_ranks_library();

}  // namespace ztilde::cli
