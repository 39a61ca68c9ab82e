#include "cli/launch.hpp"

#include <charconv>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

namespace ztilde::cli {
namespace {

using Variable = std::function<const char*(const char*)>;

std::optional<std::size_t> first_number(const Variable& variable, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* text = variable(name);
    if (text == nullptr) continue;
    const std::string_view digits = text;
    std::size_t number = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (problem == std::errc() && end == digits.data() + digits.size()) return number;
  }
  return {};
}

}  // namespace

std::optional<Launch> launch_of(const Variable& variable) {
  // PMIx itself tells the rank only; the count then is Slurm's, of the step and not of the job.
  const auto rank = first_number(variable, {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"});
  if (!rank) return {};
  const auto count = first_number(variable, {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"});
  if (!count || *rank >= *count) return {};
  // A job step of one process is a process as any other; who says mpirun -n 1 means ranks.
  if (*count == 1 && !first_number(variable, {"OMPI_COMM_WORLD_RANK"})) return {};
  const auto on_host =
      first_number(variable, {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"});
  return Launch{*rank, *count, on_host.value_or(*rank)};
}

std::optional<Launch> launch() {
  return launch_of([](const char* name) { return static_cast<const char*>(std::getenv(name)); });
}

}  // namespace ztilde::cli
