// Rows apart from others: split_rows() of ztilde/dataset.hpp for some of the rows, and folds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ztilde/dataset.hpp"

namespace ztilde {

// 0 … data.rows - 1. Throws Error(data) for more than can be counted.
std::vector<std::uint32_t> all_rows(const Dataset& data);

// The class of each of these rows; 0 where there are no classes.
std::vector<std::uint32_t> groups_of(const Dataset& data, std::span<const std::uint32_t> rows);

// split_rows() of these rows alone, as if there were no others. rows ascend, and so do both parts.
Split split_these_rows(const Dataset& data, std::span<const std::uint32_t> rows, double valid_fraction,
                       std::uint64_t seed);

// All rows dealt into `folds` parts, in each of them ascending. The sizes of the parts differ by one at
// most, and so do the rows they have of any class. Throws Error(data) where that cannot serve to
// validate: fewer than 2 folds, more folds than rows, or a class with a single row.
std::vector<std::vector<std::uint32_t>> cut_into_folds(const Dataset& data, std::size_t folds,
                                                       std::uint64_t seed);

}  // namespace ztilde
