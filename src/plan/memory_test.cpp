#include "plan/memory.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>

#include "tensor/aligned_buffer.hpp"

namespace ztilde {
namespace {

TEST(Memory, buffers_never_alive_together_share_their_place) {
  const std::vector<Lifetime> buffers = {{1000, 0, 1}, {1000, 2, 3}, {1000, 4, 5}};
  EXPECT_EQ(place(buffers).total, 1000u);
}

TEST(Memory, a_chain_of_stages_needs_two_places) {
  std::vector<Lifetime> buffers;
  for (std::size_t s = 0; s < 10; ++s) buffers.push_back({640, s, s + 1});
  EXPECT_EQ(place(buffers).total, 2 * 640u);
}

RC_GTEST_PROP(Memory, buffers_alive_together_never_overlap,
              (const std::vector<std::array<unsigned char, 3>>& seeds)) {
  std::vector<Lifetime> buffers;
  for (const auto& [size, first, length] : seeds) {
    buffers.push_back({std::size_t{size} + 1, first % 16u, first % 16u + length % 5u});
  }
  const Placement placement = place(buffers);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    RC_ASSERT(placement.offsets[i] % kFloatsPerLine == 0u);
    RC_ASSERT(placement.offsets[i] + buffers[i].size <= placement.total);
    for (std::size_t j = 0; j < i; ++j) {
      const bool together = buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
      const bool overlap = placement.offsets[i] < placement.offsets[j] + buffers[j].size &&
                           placement.offsets[j] < placement.offsets[i] + buffers[i].size;
      RC_ASSERT(!(together && overlap));
    }
  }
}

RC_GTEST_PROP(Memory, equal_buffers_take_no_more_than_the_most_alive_at_one_time,
              (const std::vector<std::array<unsigned char, 2>>& seeds)) {
  std::vector<Lifetime> buffers;
  std::array<std::size_t, 24> alive{};
  for (const auto& [first, length] : seeds) {
    buffers.push_back({160, first % 16u, first % 16u + length % 8u});
    for (std::size_t time = buffers.back().first; time <= buffers.back().last; ++time) ++alive[time];
  }
  RC_ASSERT(place(buffers).total == 160 * *std::max_element(alive.begin(), alive.end()));
}

}  // namespace
}  // namespace ztilde
