#include "cli/ranks_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <filesystem>
#include <string>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

namespace fs = std::filesystem;

// Where the program's own libztilde.so is.
fs::path library_folder() {
  fs::path folder;
  const auto look = [](dl_phdr_info* object, std::size_t, void* found) {
    const fs::path path = object->dlpi_name;
    if (!path.filename().string().starts_with("libztilde.so")) return 0;
    *static_cast<fs::path*>(found) = path.parent_path();
    return 1;
  };
  ::dl_iterate_phdr(look, &folder);
  return folder;
}

}  // namespace

RanksLibrary load_ranks_library() {
  const std::string path = (library_folder() / "libztilde_mpi.so." ZTILDE_SOVERSION).string();
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw Error(ErrorKind::data,
                "started as several ranks, but this ztilde was built without MPI; build it with "
                "libopenmpi-dev, or start it without mpirun");
  }
  // MPI's own plug-ins look for its symbols.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  RanksLibrary found;
  if (library != nullptr) {
    found.transport = reinterpret_cast<Transport* (*)()>(::dlsym(library, "ztilde_mpi_transport"));
    found.abandon = reinterpret_cast<void (*)(int)>(::dlsym(library, "ztilde_mpi_abandon"));
  }
  if (found.transport == nullptr || found.abandon == nullptr) {
    const char* reason = ::dlerror();
    throw Error(ErrorKind::data,
                fmt::format("{} cannot be loaded ({}); install Debian's openmpi-bin, or start without mpirun",
                            path, printable(reason == nullptr ? "unknown" : reason, 200)));
  }
  return found;
}

}  // namespace ztilde::cli
