// Some rows of a data set, as a data set of their own.
#pragma once

#include <cstdint>
#include <span>

#include "ztilde/dataset.hpp"

namespace ztilde {

// In the order of `rows`, each below data.rows, any number of times.
Dataset rows_of(const Dataset& data, std::span<const std::uint32_t> rows);

}  // namespace ztilde
