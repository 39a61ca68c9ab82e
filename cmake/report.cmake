# The search, the report and the lab: part of the program, not of the library. The pages carry Chart.js; studies are
# SQLite files.
find_package(SQLite3 REQUIRED)
# CMake 4.3 has another name for it.
set(sqlite SQLite3::SQLite3)
if(NOT TARGET ${sqlite})
  set(sqlite SQLite::SQLite3)
endif()
find_path(CHART_JS_FOLDER chart.min.js PATHS /usr/share/javascript/chart.js NO_DEFAULT_PATH)
if(NOT CHART_JS_FOLDER)
  message(FATAL_ERROR "Chart.js is missing; install Debian's libjs-chart.js or give -DCHART_JS_FOLDER=…, the folder of chart.min.js")
endif()

set(page_files ${PROJECT_BINARY_DIR}/page_files.cpp)
file(GLOB page_parts CONFIGURE_DEPENDS src/report/page/* src/report/charts/*.json)
add_custom_command(OUTPUT ${page_files}
  COMMAND ${CMAKE_COMMAND} -DOUTPUT=${page_files} -DCHART_JS=${CHART_JS_FOLDER}/chart.min.js
    -DFOLDER=${PROJECT_SOURCE_DIR}/src/report -P ${PROJECT_SOURCE_DIR}/cmake/inline_page.cmake
  DEPENDS ${page_parts} ${CHART_JS_FOLDER}/chart.min.js ${PROJECT_SOURCE_DIR}/cmake/inline_page.cmake
  VERBATIM)

file(GLOB ZTILDE_PAGE_SOURCES CONFIGURE_DEPENDS src/search/*.cpp src/report/*.cpp src/lab/*.cpp)
list(FILTER ZTILDE_PAGE_SOURCES EXCLUDE REGEX "_test\\.cpp$")
add_library(ztilde_pages OBJECT ${ZTILDE_PAGE_SOURCES} ${page_files})
# Mostly words and JSON: small matters more than fast. What computes for itself is optimised as the library.
set(words ${ZTILDE_PAGE_SOURCES})
list(FILTER words EXCLUDE REGEX "src/lab/(bowl|deep_gradients|mean_field)\\.cpp$")
set_source_files_properties(${words} PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-Os>")
target_include_directories(ztilde_pages PUBLIC include src PRIVATE ${NLOHMANN_JSON_INCLUDE_DIR})
target_compile_definitions(ztilde_pages PRIVATE ZTILDE_VERSION="${PROJECT_VERSION}")
target_link_libraries(ztilde_pages PUBLIC ztilde_options ${sqlite} PRIVATE fmt::fmt Threads::Threads)

# Serves the page of --watch. Debian's cpp-httplib is a library, built with TLS; its header must be told so.
find_path(HTTPLIB_INCLUDE_DIR httplib.h REQUIRED)
find_library(HTTPLIB_LIBRARY cpp-httplib REQUIRED)
