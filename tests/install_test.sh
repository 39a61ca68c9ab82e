#!/usr/bin/env bash
# Installs into an empty prefix, builds the example against it with find_package, and runs it.
#   install_test.sh BUILD_FOLDER SOURCE_FOLDER
set -euo pipefail
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" --strip >"$work/install.log"

size=$(find "$work/prefix" -type f \( -name 'libztilde.so*' -o -path '*/bin/ztilde' \) -print0 | xargs -0 cat | wc -c)
echo "library and program: $size bytes"
[ "$size" -gt 100000 ] && [ "$size" -lt 7200000 ]

cmake -S "$source/examples" -B "$work/example" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/configure.log"
cmake --build "$work/example" >"$work/build.log"
data=/usr/share/datasets/fashion-mnist
"$work/example/quickstart" "$data/t10k-images-idx3-ubyte.gz" "$data/t10k-labels-idx1-ubyte.gz" "$work/model.ztilde" \
  | tee "$work/said"
grep -Eq '^[0-9]+ parameters, accuracy 0\.[89]' "$work/said"
"$work/prefix/bin/ztilde" inspect "$work/model.ztilde" | grep -q 'batch norm\|batch_norm'

# The ONNX library, where it was built, for those who ask for it.
if [ -e "$work/prefix/include/ztilde/onnx_export.hpp" ]; then
  mkdir "$work/with_onnx"
  cat >"$work/with_onnx/main.cpp" <<'END'
#include "ztilde/onnx_export.hpp"
int main(int, char** paths) { return ztilde::to_onnx(ztilde::load(paths[1])).bytes.empty(); }
END
  cat >"$work/with_onnx/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(with_onnx LANGUAGES CXX)
find_package(ztilde REQUIRED COMPONENTS onnx)
add_executable(main main.cpp)
target_link_libraries(main PRIVATE ztilde::onnx)
END
  cmake -S "$work/with_onnx" -B "$work/with_onnx/build" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/onnx_configure.log"
  cmake --build "$work/with_onnx/build" >"$work/onnx_build.log"
  "$work/with_onnx/build/main" "$work/model.ztilde"
  "$work/prefix/bin/ztilde" export "$work/model.ztilde" --onnx "$work/model.onnx" | grep -q 'batch norm  2 kept'
fi
