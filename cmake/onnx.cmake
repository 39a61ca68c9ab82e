# ONNX in and out: a library of its own, so that whoever needs none loads none of it. Built where Debian's
# libonnx-dev and libprotobuf-dev are, unless -DZTILDE_ONNX=OFF.
option(ZTILDE_ONNX "Read and write ONNX files; needs libonnx-dev and libprotobuf-dev" ON)
if(NOT ZTILDE_ONNX)
  return()
endif()
find_library(ONNX_LIBRARY onnx)
find_library(ONNX_PROTO_LIBRARY onnx_proto)
find_path(ONNX_INCLUDE_DIR onnx/onnx_pb.h)
find_package(Protobuf QUIET)
if(NOT ONNX_LIBRARY OR NOT ONNX_PROTO_LIBRARY OR NOT ONNX_INCLUDE_DIR OR NOT Protobuf_FOUND)
  message(STATUS "Without ONNX: libonnx-dev or libprotobuf-dev is missing")
  return()
endif()

file(GLOB ZTILDE_ONNX_SOURCES CONFIGURE_DEPENDS src/onnx/*.cpp)
list(FILTER ZTILDE_ONNX_SOURCES EXCLUDE REGEX "_test\\.cpp$")
add_library(ztilde_onnx_objects OBJECT ${ZTILDE_ONNX_SOURCES})
target_include_directories(ztilde_onnx_objects PUBLIC include src PRIVATE ${NLOHMANN_JSON_INCLUDE_DIR})
target_include_directories(ztilde_onnx_objects SYSTEM PUBLIC ${ONNX_INCLUDE_DIR} ${Protobuf_INCLUDE_DIRS})
target_compile_definitions(ztilde_onnx_objects PUBLIC ONNX_ML=1 ONNX_NAMESPACE=onnx
  PRIVATE ZTILDE_VERSION="${PROJECT_VERSION}")
target_compile_options(ztilde_onnx_objects PRIVATE $<$<CONFIG:Release>:-Os>)  # it computes nothing
target_link_libraries(ztilde_onnx_objects
  PUBLIC ztilde_options ${ONNX_LIBRARY} ${ONNX_PROTO_LIBRARY} protobuf::libprotobuf
  PRIVATE fmt::fmt)

add_library(ztilde_onnx SHARED)
add_library(ztilde::onnx ALIAS ztilde_onnx)
target_link_libraries(ztilde_onnx PUBLIC ztilde
  PRIVATE ztilde_onnx_objects fmt::fmt ztilde_options)
set_target_properties(ztilde_onnx PROPERTIES EXPORT_NAME onnx
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
