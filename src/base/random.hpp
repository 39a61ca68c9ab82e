// Counter-based random numbers: Philox4x32-10.
// A number depends only on (seed, purpose, step, element): nothing is stored, any thread computes
// any element, a run resumes exactly, dropout is recomputed in the backward pass.
// Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace ztilde {

// What a stream of random numbers is for. The values are part of the reproducibility contract:
// append, never renumber.
enum class Purpose : std::uint32_t {
  initialise = 1,
  shuffle = 2,
  dropout = 3,
  split = 4,
  probe = 5,
  augment = 6,
  fold = 7,
  blocks = 8,
};

using PhiloxBlock = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

constexpr std::uint32_t kPhiloxMultiplier0 = 0xD2511F53u;
constexpr std::uint32_t kPhiloxMultiplier1 = 0xCD9E8D57u;
constexpr std::uint32_t kPhiloxWeyl0 = 0x9E3779B9u;
constexpr std::uint32_t kPhiloxWeyl1 = 0xBB67AE85u;
constexpr int kPhiloxRounds = 10;

// The four 32-bit numbers that belong to one counter under one key.
constexpr PhiloxBlock philox(PhiloxBlock counter, PhiloxKey key) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{kPhiloxMultiplier0} * counter[0];
    const std::uint64_t product1 = std::uint64_t{kPhiloxMultiplier1} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += kPhiloxWeyl0;
    key[1] += kPhiloxWeyl1;
  }
  return counter;
}

// The stream of one purpose, one layer (or 0) and one step (or epoch).
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, Purpose purpose, std::uint32_t layer, std::uint64_t step)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        layer_and_purpose_((layer << 4) | static_cast<std::uint32_t>(purpose)),
        step_(static_cast<std::uint32_t>(step)) {}

  PhiloxKey key() const { return key_; }
  // The counter whose block holds elements 4 * quad … 4 * quad + 3.
  PhiloxBlock counter(std::uint64_t quad) const {
    return {static_cast<std::uint32_t>(quad), static_cast<std::uint32_t>(quad >> 32), step_,
            layer_and_purpose_};
  }
  std::uint32_t bits(std::uint64_t element) const { return philox(counter(element / 4), key_)[element % 4]; }
  // Uniform in (0, 1).
  double uniform(std::uint64_t element) const { return (bits(element) + 0.5) * 0x1p-32; }
  // Standard normal (Box & Muller 1958), from the two uniform numbers 2·element and 2·element + 1.
  double normal(std::uint64_t element) const {
    const double radius = std::sqrt(-2.0 * std::log(uniform(2 * element)));
    return radius * std::cos(2.0 * std::numbers::pi * uniform(2 * element + 1));
  }
  // Uniform in 0 … bound - 1. The bias is below bound / 2^32.
  std::uint32_t below(std::uint32_t bound, std::uint64_t element) const {
    return static_cast<std::uint32_t>((std::uint64_t{bits(element)} * bound) >> 32);
  }

 private:
  PhiloxKey key_;
  std::uint32_t layer_and_purpose_;
  std::uint32_t step_;
};

}  // namespace ztilde
