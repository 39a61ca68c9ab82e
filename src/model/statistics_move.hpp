// How far one layer's statistics are from others: what statistics_moves() does of each.
#pragma once

#include <cstddef>
#include <span>

#include "ztilde/model.hpp"

namespace ztilde {

// before, after: means, then variances.
StatisticsMove statistics_move(std::size_t layer, double epsilon, std::span<const double> before,
                               std::span<const double> after);

}  // namespace ztilde
