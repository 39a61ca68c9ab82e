#include "kernels/block_kernels_reference.hpp"
#include "kernels/kernels_test_support.hpp"

namespace ztilde::kernels::test {
namespace {

TEST(DropoutKernel, drops_exactly_the_elements_that_the_stream_says) {
  const RandomStream stream(0x123456789ABCDEFull, Purpose::dropout, 5, 77);
  for (const std::size_t channels : kChannels) {
    for (const double probability : {0.001, 0.2, 0.5, 0.9, 1.0}) {
      // The last of these puts elements across 2^34, where the counter's upper word begins.
      for (const std::uint64_t first_row :
           {std::uint64_t{0}, std::uint64_t{129}, (std::uint64_t{1} << 34) / channels - 1}) {
        on_every_target([&] {
          Guarded x(17, channels, 3.0f);
          dropout(x.view(), probability, stream, first_row);
          ASSERT_TRUE(x.guards_intact());
          const float kept = 3.0f * static_cast<float>(1 / (1 - probability));
          for (std::size_t r = 0; r < 17; ++r) {
            for (std::size_t c = 0; c < channels; ++c) {
              const bool dropped = reference::is_dropped(probability, stream, (first_row + r) * channels + c);
              ASSERT_EQ(x(r, c), dropped ? 0.0f : kept) << r << ' ' << c;
            }
          }
        });
      }
    }
  }
}

TEST(DropoutKernel, a_slice_of_the_channels_is_dropped_as_in_the_whole) {
  const RandomStream stream(3, Purpose::dropout, 1, 9);
  for (const std::size_t first : {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{101}}) {
    on_every_target([&] {
      Guarded slice(9, 70, 1.0f);
      dropout(slice.view(), 0.4, stream, 6, first, 171);
      ASSERT_TRUE(slice.guards_intact());
      for (std::size_t r = 0; r < 9; ++r) {
        for (std::size_t c = 0; c < 70; ++c) {
          ASSERT_EQ(slice(r, c) == 0, reference::is_dropped(0.4, stream, (6 + r) * 171 + first + c));
        }
      }
    });
  }
}

TEST(DropoutKernel, probability_zero_changes_nothing) {
  Guarded x = normal_matrix(5, 7, 0, 1, 1);
  const Guarded before = x;
  dropout(x.view(), 0, RandomStream(1, Purpose::dropout, 0, 0), 0);
  for (std::size_t r = 0; r < 5; ++r) {
    for (std::size_t c = 0; c < 7; ++c) EXPECT_EQ(x(r, c), before(r, c));
  }
}

TEST(DropoutKernel, drops_the_share_that_was_asked_for) {
  std::vector<float> x(1 << 20, 1.0f);
  dropout({x.data(), 1024, 1024}, 0.3, RandomStream(9, Purpose::dropout, 1, 2), 0);
  double dropped = 0;
  for (const float v : x) dropped += v == 0;
  // Five standard deviations of a binomial: 5 sqrt(n p q) = 2346.
  EXPECT_NEAR(dropped, 0.3 * static_cast<double>(x.size()), 2346);
}

}  // namespace
}  // namespace ztilde::kernels::test
