#include "data/categories.hpp"

#include <algorithm>
#include <numeric>

#include "data/numbers.hpp"

namespace ztilde {

CategoryOrder sort_categories(const CategoryIndex& categories, bool by_value) {
  const std::size_t count = categories.size();
  std::vector<double> values(count);
  bool numbers = true;
  for (std::size_t i = 0; i < count; ++i) {
    const auto [kind, value] = parse_number<double>(categories.text(i));
    numbers &= kind == NumberKind::number;
    values[i] = value;
  }
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    if (numbers && (by_value || values[a] != values[b])) return values[a] < values[b];
    return categories.text(a) < categories.text(b);
  });
  CategoryOrder result;
  result.place.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const bool same = by_value && numbers && i > 0 && values[order[i]] == values[order[i - 1]];
    if (!same) result.sorted.push_back(categories.text(order[i]));
    result.place[order[i]] = result.sorted.size() - 1;
  }
  return result;
}

}  // namespace ztilde
