# One test program a room, from the *_test.cpp beside its code; tests/ has what crosses rooms.
find_package(GTest REQUIRED)
find_package(rapidcheck REQUIRED)
include(GoogleTest)
# Compiles the C sources that tests export.
find_program(ZTILDE_CC NAMES cc gcc clang REQUIRED)

function(ztilde_room_tests room folder)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${room}_tests ${sources})
  target_link_libraries(${room}_tests PRIVATE ztilde_objects
    ${ZTILDE_LIBRARIES}
    rapidcheck rapidcheck_gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${room}_tests PRIVATE ${NLOHMANN_JSON_INCLUDE_DIR} ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${room}_tests PRIVATE ZTILDE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  # Tests that compute little themselves build a third sooner so.
  if(NOT room MATCHES "^(base|tensor|kernels|layers|plan)$")
    target_compile_options(${room}_tests PRIVATE -Og)
  endif()
  if(room STREQUAL exchange OR room STREQUAL whole)
    target_compile_definitions(${room}_tests PRIVATE ZTILDE_CC="${ZTILDE_CC}" ZTILDE_CXX="${CMAKE_CXX_COMPILER}")
    target_link_libraries(${room}_tests PRIVATE ${CMAKE_DL_LIBS})
  endif()
  if(room STREQUAL search OR room STREQUAL report OR room STREQUAL lab OR room STREQUAL whole)
    target_link_libraries(${room}_tests PRIVATE ztilde_pages)
  endif()
  if(room STREQUAL onnx)
    target_link_libraries(${room}_tests PRIVATE ztilde_onnx_objects)
  endif()
  if(room STREQUAL data)
    target_compile_definitions(${room}_tests PRIVATE ZTILDE_CSV_SPECTRUM="/usr/share/nodejs/csv-spectrum")
  endif()
  if(room STREQUAL cli)
    target_sources(${room}_tests PRIVATE src/cli/interrupt.cpp)
  endif()
  if(room STREQUAL whole)
    target_compile_definitions(${room}_tests PRIVATE
      ZTILDE_PROGRAM="$<TARGET_FILE:ztilde_program>" ZTILDE_FAULTS="$<TARGET_FILE:ztilde_faults>")
    add_dependencies(${room}_tests ztilde_program ztilde_faults)
    if(TARGET ztilde_onnx)
      target_compile_definitions(${room}_tests PRIVATE ZTILDE_WITH_ONNX)
    endif()
    if(TARGET ztilde_mpi)
      target_compile_definitions(${room}_tests PRIVATE ZTILDE_WITH_RANKS)
      add_dependencies(${room}_tests ztilde_mpi)
    endif()
  endif()
  gtest_discover_tests(${room}_tests TEST_PREFIX ${room}. DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600)
endfunction()

# Preloaded by tests that make the program's disk fail. Never sanitised, for it starts before that is ready.
add_library(ztilde_faults MODULE tests/faults.cpp)
target_compile_options(ztilde_faults PRIVATE -Wall -Wextra -Werror)
target_link_libraries(ztilde_faults PRIVATE ${CMAKE_DL_LIBS})

set(rooms base tensor kernels layers plan data model training doctor exchange search report lab cli)
if(TARGET ztilde_onnx)
  list(APPEND rooms onnx)
endif()
if(ZTILDE_SANITISE STREQUAL thread)
  set(rooms base plan data model training)  # those that start threads, or run on several
endif()
foreach(room ${rooms})
  ztilde_room_tests(${room} src/${room})
endforeach()
ztilde_room_tests(whole tests)

# A sanitised library cannot be linked by a program that is not.
if(NOT ZTILDE_SANITISE)
  add_test(NAME whole.install_and_find_package
    COMMAND ${PROJECT_SOURCE_DIR}/tests/install_test.sh ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR})
  # A page of a search without its minutes of training.
  add_executable(sample_study_page tests/sample_study_page.cpp)
  target_include_directories(sample_study_page PRIVATE ${NLOHMANN_JSON_INCLUDE_DIR})
  target_link_libraries(sample_study_page PRIVATE ztilde_pages ztilde fmt::fmt Threads::Threads ztilde_options)
  # Debian's own Python, since that is where Debian's selenium is.
  add_test(NAME whole.pages_in_a_browser
    COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/python/page_test.py
      $<TARGET_FILE:ztilde_program> $<TARGET_FILE:sample_study_page>)
  set_tests_properties(whole.pages_in_a_browser PROPERTIES LABELS browser TIMEOUT 300)
endif()

# The transport between ranks that mpirun starts, on this machine.
if(TARGET ztilde_mpi)
  add_executable(distributed_tests src/distributed/mpi_transport_test.cpp)
  target_include_directories(distributed_tests PRIVATE src)
  target_link_libraries(distributed_tests PRIVATE ztilde_mpi GTest::gmock GTest::gtest Threads::Threads ztilde_options)
  # For scripts/rank-hosts, and for whoever wants to know a network.
  add_executable(transport_speed tests/transport_speed.cpp)
  target_link_libraries(transport_speed PRIVATE ztilde_mpi ztilde_options)
  add_executable(slow_switch tests/slow_switch.cpp)
  target_link_libraries(slow_switch PRIVATE ztilde_options)
  # Open MPI itself leaks.
  if(ZTILDE_SANITISE)
    return()
  endif()
  foreach(ranks 1 2 3 4)
    add_test(NAME distributed.transport_of_${ranks}_ranks
      COMMAND ${PROJECT_SOURCE_DIR}/tests/with_ranks.sh ${ranks} $<TARGET_FILE:distributed_tests>)
    set_tests_properties(distributed.transport_of_${ranks}_ranks PROPERTIES TIMEOUT 60 SKIP_RETURN_CODE 77
      PROCESSORS 2)
  endforeach()
  add_test(NAME whole.train_with_ranks
    COMMAND ${PROJECT_SOURCE_DIR}/tests/train_with_ranks.sh $<TARGET_FILE:ztilde_program>)
  add_test(NAME whole.search_with_ranks
    COMMAND ${PROJECT_SOURCE_DIR}/tests/search_with_ranks.sh $<TARGET_FILE:ztilde_program>)
  set_tests_properties(whole.train_with_ranks whole.search_with_ranks PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77)
endif()
