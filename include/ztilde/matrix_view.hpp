// A view of a matrix [rows, channels] that somebody else owns.
#pragma once

#include <cstddef>
#include <type_traits>

namespace ztilde {

// Element (r, c) lies at data[r * row_stride + c]; row_stride >= channels, in elements.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t channels = 0;
  std::size_t row_stride = 0;

  MatrixView() = default;
  MatrixView(T* data_, std::size_t rows_, std::size_t channels_)
      : MatrixView(data_, rows_, channels_, channels_) {}
  MatrixView(T* data_, std::size_t rows_, std::size_t channels_, std::size_t row_stride_)
      : data(data_), rows(rows_), channels(channels_), row_stride(row_stride_) {}
  // A view of mutable elements serves wherever a view of const ones is asked for.
  template <class U>
  requires std::is_same_v<const U, T> MatrixView(const MatrixView<U>& other)
      : MatrixView(other.data, other.rows, other.channels, other.row_stride) {}

  T* row(std::size_t r) const { return data + r * row_stride; }
  T& operator()(std::size_t r, std::size_t c) const { return data[r * row_stride + c]; }
  MatrixView block(std::size_t first_row, std::size_t count) const {
    return {row(first_row), count, channels, row_stride};
  }
};

}  // namespace ztilde
