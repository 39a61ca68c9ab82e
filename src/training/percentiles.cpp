#include "training/percentiles.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ztilde {
namespace {

// Between which two of the sorted numbers a percentile lies.
struct Place {
  std::size_t below, above;
  double fraction;  // of the way from one to the other
};

Place place_of(double share, std::size_t count) {
  const double position = share * static_cast<double>(count - 1);
  const auto below = static_cast<std::size_t>(position);
  return {below, std::min(below + 1, count - 1), position - static_cast<double>(below)};
}

double between(double below, double above, double fraction) {
  return fraction == 0 ? below : below + fraction * (above - below);  // `above` may be infinite
}

// Floats in their order as unsigned numbers; NaN has its place too.
std::uint32_t key_of(float number) {
  constexpr std::uint32_t kSign = 0x80000000u;
  const auto bits = std::bit_cast<std::uint32_t>(number);
  return bits & kSign ? ~bits : bits | kSign;
}

}  // namespace

double percentile(std::span<const double> sorted, double share) {
  const Place place = place_of(share, sorted.size());
  return between(sorted[place.below], sorted[place.above], place.fraction);
}

// Counts by the leading half of the key; then only the few that share it with one that is wanted are sorted.
std::array<double, 3> percentiles(std::span<const float> numbers) {
  constexpr int kRest = 16;
  std::vector<std::uint32_t> counts(std::size_t{1} << (32 - kRest));
  for (const float number : numbers) ++counts[key_of(number) >> kRest];

  std::array<Place, kShares.size()> places{};
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = place_of(kShares[i], numbers.size());
  std::array<Place, kShares.size()> among_near = places;
  std::size_t before = 0, far = 0;
  for (std::uint32_t& count : counts) {
    if (count == 0) continue;
    bool near = false;
    const auto find = [&](std::size_t wanted, std::size_t& among) {
      if (wanted < before || wanted >= before + count) return;
      among = wanted - far;
      near = true;
    };
    for (std::size_t i = 0; i < places.size(); ++i) {
      find(places[i].below, among_near[i].below);
      find(places[i].above, among_near[i].above);
    }
    before += count;
    if (!near) far += count;
    count = near;
  }

  std::vector<float> sorted;
  for (const float number : numbers) {
    if (counts[key_of(number) >> kRest]) sorted.push_back(number);
  }
  std::ranges::sort(sorted, {}, key_of);
  std::array<double, kShares.size()> found{};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Place& place = among_near[i];
    found[i] = between(sorted[place.below], sorted[place.above], place.fraction);
  }
  return found;
}

}  // namespace ztilde
