# Benchmarks of steps and the C++ programs that scripts/bench-peers runs (docs/benchmarks.md).
option(ZTILDE_BENCH "Build the benchmarks" OFF)
if(NOT ZTILDE_BENCH)
  return()
endif()

add_library(ztilde_bench_parts STATIC
  bench/networks.cpp bench/rows.cpp bench/runs.cpp bench/bare_products.cpp)
target_include_directories(ztilde_bench_parts PUBLIC bench ${DNNL_INCLUDE_DIR} ${CLI11_INCLUDE_DIR} ${NLOHMANN_JSON_INCLUDE_DIR})
target_compile_definitions(ztilde_bench_parts PUBLIC ZTILDE_BENCH_DIR="${PROJECT_SOURCE_DIR}/bench")
target_link_libraries(ztilde_bench_parts PUBLIC ztilde_objects
  ${ZTILDE_LIBRARIES})

function(ztilde_benchmark name source)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE ztilde_bench_parts)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
endfunction()

ztilde_benchmark(step_bench bench/step_bench.cpp)
ztilde_benchmark(read_bench bench/read_bench.cpp)
ztilde_benchmark(c_bench bench/c_bench.cpp)
target_link_libraries(c_bench PRIVATE ${CMAKE_DL_LIBS})
ztilde_benchmark(drift_rates bench/drift_rates.cpp)
ztilde_benchmark(peer_ztilde bench/peers/peer_ztilde.cpp)

find_package(benchmark QUIET)
if(benchmark_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/bench/batch_norm_bench.cpp)
  ztilde_benchmark(batch_norm_bench bench/batch_norm_bench.cpp)
  target_link_libraries(batch_norm_bench PRIVATE benchmark::benchmark)
endif()

# dlib is compiled for this processor, as its users are told to; Debian's library has its products.
find_package(dlib QUIET)
if(dlib_FOUND)
  add_executable(peer_dlib bench/peers/peer_dlib.cpp)
  target_link_libraries(peer_dlib PRIVATE dlib::dlib)
  target_compile_options(peer_dlib PRIVATE -O3 -march=native)
  set_target_properties(peer_dlib PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
endif()
