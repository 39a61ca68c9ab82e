#include "data/batcher.hpp"

#include <algorithm>
#include <span>

namespace ztilde {

void Batcher::begin_epoch(std::uint64_t epoch) {
  held_ = 0;
  if (source_.keeper) {
    window_ends_ = shuffle_in_windows(rows_, windows_, seed_, epoch, order_);
  } else {
    shuffle(rows_, seed_, epoch, order_);
  }
}

void Batcher::hold(std::size_t first_row, std::size_t rows) {
  const auto window_of = [&](std::size_t row) {
    return static_cast<std::size_t>(std::ranges::upper_bound(window_ends_, row) - window_ends_.begin());
  };
  const std::size_t first = window_of(first_row), last = window_of(first_row + rows - 1);
  if (held_ != 0 && held_ == source_.keeper->last_hold() && first == held_first_ && last == held_last_)
    return;
  const auto from = [&](std::size_t begin, std::size_t end) {
    return std::span<const std::uint32_t>(order_).subspan(begin, end - begin);
  };
  const std::size_t begin = first == 0 ? 0 : window_ends_[first - 1], end = window_ends_[last];
  const bool reads_ahead = first == last && last + 1 < window_ends_.size();
  held_ = source_.keeper->hold(from(begin, end), from(end, reads_ahead ? window_ends_[last + 1] : end));
  held_first_ = first;
  held_last_ = last;
}

}  // namespace ztilde
