#include "data/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "base/text.hpp"
#include "data/shuffle.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

// How many rows of each group are held out: `fraction` of it rounded down, then one more where the
// most was lost to rounding until the total is right. A group keeps at least one row.
std::vector<std::size_t> shares(const std::vector<std::size_t>& sizes, double fraction, std::size_t total) {
  std::vector<std::size_t> share(sizes.size()), order(sizes.size());
  std::vector<double> lost(sizes.size());
  std::size_t given = 0, most = 0;
  for (std::size_t g = 0; g < sizes.size(); ++g) {
    const std::size_t limit = sizes[g] > 0 ? sizes[g] - 1 : 0;
    const double exact = fraction * static_cast<double>(sizes[g]);
    share[g] = std::min(limit, static_cast<std::size_t>(exact));
    lost[g] = exact - static_cast<double>(share[g]);
    given += share[g];
    most += limit;
  }
  total = std::min(total, most);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return lost[a] > lost[b]; });
  while (given < total) {
    for (const std::size_t g : order) {
      if (given == total) break;
      if (share[g] + 1 >= sizes[g]) continue;
      ++share[g];
      ++given;
    }
  }
  return share;
}

void require_countable(const Dataset& data) {
  if (data.rows <= std::numeric_limits<std::uint32_t>::max()) return;
  throw Error(ErrorKind::data, fmt::format("{} are too many; use at most {}", counted(data.rows, "row"),
                                           with_commas(std::numeric_limits<std::uint32_t>::max())));
}

}  // namespace

std::vector<std::uint32_t> all_rows(const Dataset& data) {
  require_countable(data);
  std::vector<std::uint32_t> rows(data.rows);
  std::iota(rows.begin(), rows.end(), 0u);
  return rows;
}

std::vector<std::uint32_t> groups_of(const Dataset& data, std::span<const std::uint32_t> rows) {
  std::vector<std::uint32_t> groups(rows.size(), 0);
  if (data.task != Task::classify || data.targets.empty()) return groups;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    groups[i] = static_cast<std::uint32_t>(data.targets[rows[i]]);
  }
  return groups;
}

Split split_rows(const Dataset& data, double valid_fraction, std::uint64_t seed) {
  return split_these_rows(data, all_rows(data), valid_fraction, seed);
}

Split split_these_rows(const Dataset& data, std::span<const std::uint32_t> rows, double valid_fraction,
                       std::uint64_t seed) {
  if (!(valid_fraction > 0 && valid_fraction < 1)) {
    throw Error(ErrorKind::data,
                fmt::format("a validation fraction of {} leaves no rows on one side; choose one "
                            "between 0 and 1, both excluded",
                            valid_fraction));
  }
  const std::vector<std::uint32_t> groups = groups_of(data, rows);
  std::vector<std::size_t> sizes(groups.empty() ? 0 : *std::ranges::max_element(groups) + std::size_t{1});
  for (const std::uint32_t group : groups) ++sizes[group];

  const auto wanted =
      static_cast<std::size_t>(std::llround(valid_fraction * static_cast<double>(rows.size())));
  std::vector<std::size_t> left = shares(sizes, valid_fraction, wanted);
  if (std::accumulate(left.begin(), left.end(), std::size_t{0}) == 0) {
    throw Error(
        ErrorKind::data,
        fmt::format("a validation fraction of {} of {} holds out no row{}; choose a larger fraction, or 0 to "
                    "train without validation",
                    valid_fraction, counted(rows.size(), "row"),
                    wanted == 0 ? "" : " (every class keeps a row for training)"));
  }

  // In one shuffled order, each group's first rows are held out.
  std::vector<std::uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0u);
  shuffle(order, RandomStream(seed, Purpose::split, 0, 0));
  std::vector<bool> held_out(rows.size(), false);
  for (const std::uint32_t i : order) {
    if (left[groups[i]] == 0) continue;
    --left[groups[i]];
    held_out[i] = true;
  }
  Split split;
  for (std::size_t i = 0; i < rows.size(); ++i) (held_out[i] ? split.valid : split.train).push_back(rows[i]);
  return split;
}

}  // namespace ztilde
