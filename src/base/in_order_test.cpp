#include "base/in_order.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace ztilde {
namespace {

// Pieces 0 … count - 1 on some threads: those given, then what was thrown. `fails` says where, as in "work
// 3".
std::vector<std::string> pieces_given(std::size_t threads, int count, const std::string& fails) {
  Team team(threads);
  std::vector<std::string> given;
  int next = 0;
  const auto at = [&](const char* what, int piece) {
    if (fails.find(what + std::string(" ") + std::to_string(piece) + ".") != fails.npos) {
      throw std::runtime_error(what);
    }
  };
  try {
    in_order<int>(
        team,
        [&](int& piece) {
          if (next == count) return Taken::none;
          piece = next++;
          at("take", piece);
          return piece % 3 == 0 ? Taken::large : Taken::one;
        },
        [&](int& piece) {
          if (piece % 2 == 0) std::this_thread::yield();
          at("work", piece);
        },
        [&](int& piece) {
          at("give", piece);
          given.push_back(std::to_string(piece));
        });
  } catch (const std::runtime_error& error) {
    given.emplace_back(error.what());
  }
  return given;
}

std::vector<std::string> numbers_below(int count) {
  std::vector<std::string> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

TEST(InOrder, pieces_are_given_in_the_order_they_were_taken) {
  for (const std::size_t threads : {1u, 2u, 5u}) {
    for (const int count : {0, 1, 2, 100}) {
      EXPECT_EQ(pieces_given(threads, count, ""), numbers_below(count)) << threads;
    }
  }
}

TEST(InOrder, the_first_exception_in_their_order_is_thrown_and_nothing_is_given_after_it) {
  for (const std::size_t threads : {1u, 2u, 5u}) {
    for (int again = 0; again < 20; ++again) {
      for (const std::string what : {"take", "work", "give"}) {
        std::vector<std::string> expected = numbers_below(40);
        expected.push_back(what);
        EXPECT_EQ(pieces_given(threads, 100, what + " 40. work 41. take 42. give 43."), expected) << threads;
      }
    }
  }
}

TEST(InOrder, nobody_takes_a_piece_while_a_large_one_is_worked_on) {
  Team team(4);
  std::atomic<int> inside{0};
  int next = 0, most = 0;
  in_order<int>(
      team,
      [&](int& piece) {
        piece = next++;
        most = std::max(most, inside.load());
        ++inside;
        return piece == 200 ? Taken::none : Taken::large;
      },
      [](int&) { std::this_thread::yield(); }, [&](int&) { --inside; });
  EXPECT_EQ(most, 0);
}

}  // namespace
}  // namespace ztilde
