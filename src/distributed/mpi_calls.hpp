// MPI's calls as the rest of ztilde wants them: an Error where one fails.
#pragma once

#include <mpi.h>

#include <string>
#include <vector>

#include "ztilde/error.hpp"

namespace ztilde {

// Error(io): "WITH_WHAT: what MPI says; …".
Error mpi_error(int code, const std::string& with_what);
void check_mpi(int code, const std::string& with_what);

// Starts MPI so that it may be called by any thread, one at a time, and reports errors instead of ending the
// process. A communicator of our own, so that no message of others is taken for ours.
MPI_Comm start_mpi();
// Waits without keeping a core busy until all ranks are here, then ends MPI.
void end_mpi(MPI_Comm communicator);

// "rank 1 (host, process 4711)" for each rank. Collective.
std::vector<std::string> names_of_ranks(MPI_Comm communicator);

}  // namespace ztilde
