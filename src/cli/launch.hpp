// What the environment says of the MPI launcher that started this process, if one did.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

namespace ztilde::cli {

struct Launch {
  std::size_t rank = 0, count = 0;
  std::size_t rank_on_host = 0;
};

// variable(name): as std::getenv. Nothing where no launcher started this process. A lone rank is one where
// Open MPI's mpirun started it. Open MPI's mpirun, srun --mpi=pmix, and the launchers of PMI are known; what
// Slurm sets in every job is no sign of ranks.
std::optional<Launch> launch_of(const std::function<const char*(const char*)>& variable);

// Of this process's environment.
std::optional<Launch> launch();

}  // namespace ztilde::cli
