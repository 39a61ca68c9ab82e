# find_package(ztilde) gives ztilde::ztilde and, where they were built, ztilde::onnx and ztilde::mpi, which can also
# be asked for: find_package(ztilde COMPONENTS onnx mpi). Who links them not, needs no ONNX and no MPI.
include(CMakePackageConfigHelpers)

install(TARGETS ztilde EXPORT ztilde-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS ztilde_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
set_target_properties(ztilde_program PROPERTIES
  INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY include/ztilde DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} 
  PATTERN "onnx_*.hpp" EXCLUDE PATTERN "mpi.hpp" EXCLUDE)
install(DIRECTORY networks DESTINATION ${CMAKE_INSTALL_DATADIR}/ztilde)
install(EXPORT ztilde-targets NAMESPACE ztilde:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ztilde)
if(TARGET ztilde_onnx)
  install(TARGETS ztilde_onnx EXPORT ztilde-onnx-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  set_target_properties(ztilde_onnx PROPERTIES INSTALL_RPATH "$ORIGIN")
  file(GLOB onnx_headers CONFIGURE_DEPENDS include/ztilde/onnx_*.hpp)
  install(FILES ${onnx_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ztilde)
  install(EXPORT ztilde-onnx-targets NAMESPACE ztilde:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ztilde)
endif()
if(TARGET ztilde_mpi)
  install(TARGETS ztilde_mpi EXPORT ztilde-mpi-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  set_target_properties(ztilde_mpi PROPERTIES INSTALL_RPATH "$ORIGIN")
  install(FILES include/ztilde/mpi.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ztilde)
  install(EXPORT ztilde-mpi-targets NAMESPACE ztilde:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ztilde)
endif()
configure_package_config_file(cmake/ztilde-config.cmake.in
  ${PROJECT_BINARY_DIR}/ztilde-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ztilde)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ztilde-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ztilde-config.cmake ${PROJECT_BINARY_DIR}/ztilde-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ztilde)
