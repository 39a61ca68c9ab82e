#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "data/shuffle.hpp"
#include "data/split.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::uint32_t kFoldStream = 1;  // beside the stream of split_rows(), which is 0

// A class with one row would have it either to learn from or to validate with, never both.
void require_two_of_each(const Dataset& data, const std::vector<std::size_t>& sizes) {
  const auto lonely = std::ranges::find(sizes, std::size_t{1});
  if (lonely == sizes.end() || data.task != Task::classify) return;
  const auto index = static_cast<std::size_t>(lonely - sizes.begin());
  const std::string name =
      index < data.classes.size() ? printable(data.classes[index]) : fmt::format("{}", index);
  throw Error(ErrorKind::data,
              fmt::format("class '{}' has 1 row, and folds need 2 of each class, one to learn "
                          "from and one to validate with; leave it out or give more rows",
                          name));
}

}  // namespace

std::vector<std::vector<std::uint32_t>> cut_into_folds(const Dataset& data, std::size_t folds,
                                                       std::uint64_t seed) {
  if (folds < 2) {
    throw Error(ErrorKind::data,
                fmt::format("{} cannot validate each other; give at least 2", counted(folds, "fold")));
  }
  if (folds > data.rows) {
    throw Error(ErrorKind::data,
                fmt::format("{} of {} would leave some empty; give at most {}", counted(folds, "fold"),
                            counted(data.rows, "row"), with_commas(data.rows)));
  }
  std::vector<std::uint32_t> order = all_rows(data);
  const std::vector<std::uint32_t> groups = groups_of(data, order);
  std::vector<std::size_t> sizes(*std::ranges::max_element(groups) + std::size_t{1});
  for (const std::uint32_t group : groups) ++sizes[group];
  require_two_of_each(data, sizes);

  // Class after class in shuffled order, dealt out like cards.
  shuffle(order, RandomStream(seed, Purpose::split, kFoldStream, 0));
  std::ranges::stable_sort(order, {}, [&](std::uint32_t row) { return groups[row]; });
  std::vector<std::vector<std::uint32_t>> parts(folds);
  for (std::size_t i = 0; i < order.size(); ++i) parts[i % folds].push_back(order[i]);
  for (std::vector<std::uint32_t>& part : parts) std::ranges::sort(part);
  return parts;
}

}  // namespace ztilde
