# Ranks under MPI: a library of its own, which the program loads only where an MPI launcher started it. Built where
# Debian's libopenmpi-dev is, unless -DZTILDE_MPI=OFF.
option(ZTILDE_MPI "Train on several processes or machines; needs libopenmpi-dev, and openmpi-bin to run" ON)
if(NOT ZTILDE_MPI)
  return()
endif()
set(MPI_CXX_SKIP_MPICXX ON)  # the C calls are all that is used
find_package(MPI QUIET COMPONENTS CXX)
if(NOT MPI_CXX_FOUND)
  message(STATUS "Without MPI: libopenmpi-dev is missing")
  return()
endif()

file(GLOB ZTILDE_MPI_SOURCES CONFIGURE_DEPENDS src/distributed/*.cpp)
list(FILTER ZTILDE_MPI_SOURCES EXCLUDE REGEX "_test\\.cpp$")
add_library(ztilde_mpi SHARED ${ZTILDE_MPI_SOURCES})
add_library(ztilde::mpi ALIAS ztilde_mpi)
target_include_directories(ztilde_mpi PRIVATE src)
target_link_libraries(ztilde_mpi PUBLIC ztilde PRIVATE MPI::MPI_CXX Threads::Threads ztilde_options)
target_link_options(ztilde_mpi PRIVATE -Wl,--as-needed)  # MPI's compiler names libraries for C++ too
set_target_properties(ztilde_mpi PROPERTIES EXPORT_NAME mpi
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
