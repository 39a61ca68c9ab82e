// A long job done piece by piece, where only the middle of a piece's work can be done out of order.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

#include "base/team.hpp"

namespace ztilde {

enum class Taken { none, one, large };

// For one piece after another: take(piece), one at a time and in order; work(piece), by all workers at
// once; give(piece), one at a time and in the order they were taken. Every worker has one Piece that it
// uses again. take returns none at the end; behind a large piece no other is taken before it is given, to
// bound memory. The first exception in the pieces' order ends it: nothing is given after it, and it
// is thrown when all workers are done.
template <class Piece, class Take, class Work, class Give>
void in_order(Team& team, Take&& take, Work&& work, Give&& give) {
  std::mutex taking;
  std::uint32_t taken = 0;
  std::atomic<bool> ended{false};
  std::atomic<std::uint32_t> given{0};
  std::exception_ptr failure;  // belongs to whose turn it is to give

  const auto do_piece = [&](Piece& piece) {
    std::unique_lock lock(taking);
    if (ended) return;
    const std::uint32_t turn = taken++;
    std::exception_ptr problem;
    const auto try_to = [&](auto&& action) {
      try {
        action();
      } catch (...) {
        problem = std::current_exception();
      }
    };
    Taken found = Taken::none;
    try_to([&] { found = take(piece); });
    if (found == Taken::none) ended = true;
    if (found != Taken::large) lock.unlock();
    if (found != Taken::none) try_to([&] { work(piece); });
    for (std::uint32_t now; (now = given.load(std::memory_order_acquire)) != turn;)
      wait_for_change(given, now);
    if (failure == nullptr) {
      if (found != Taken::none && problem == nullptr) try_to([&] { give(piece); });
      failure = problem;
      if (failure != nullptr) ended = true;
    }
    given.store(turn + 1, std::memory_order_release);
    given.notify_all();
  };
  team.run([&](const Worker&) {
    Piece piece;
    while (!ended) do_piece(piece);
  });
  if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace ztilde
