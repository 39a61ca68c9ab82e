#include "base/thread_transport.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

#include "ztilde/error.hpp"

namespace ztilde {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

struct Pair {
  ThreadRanks ranks{2};
  std::unique_ptr<Transport> zero = ranks.transport(0), one = ranks.transport(1);
};

TEST(ThreadTransport, messages_of_one_tag_arrive_in_the_order_in_which_they_were_sent) {
  Pair pair;
  const Bytes first = bytes_of({1, 2}), second = bytes_of({3, 4}), other = bytes_of({5});
  pair.zero->send(1, 7, first);
  pair.zero->send(1, 7, second);
  pair.zero->send(1, 8, other);
  Bytes c(1), a(2), b(2);
  const auto third = pair.one->receive(0, 8, c);
  const auto one = pair.one->receive(0, 7, a), two = pair.one->receive(0, 7, b);
  EXPECT_TRUE(pair.one->done(third));
  EXPECT_TRUE(pair.one->done(two));
  EXPECT_TRUE(pair.one->done(one));
  EXPECT_EQ(a, first);
  EXPECT_EQ(b, second);
  EXPECT_EQ(c, other);
  EXPECT_EQ(pair.ranks.messages(), 3);
  EXPECT_EQ(pair.ranks.bytes(), 5);
}

TEST(ThreadTransport, a_send_is_done_when_it_was_received_and_its_ticket_is_no_more) {
  Pair pair;
  const Bytes sent = bytes_of({1});
  Bytes received(1);
  const auto send = pair.zero->send(1, 0, sent);
  EXPECT_FALSE(pair.zero->done(send));
  pair.one->receive(0, 0, received);
  EXPECT_TRUE(pair.zero->done(send));
  EXPECT_THROW(pair.zero->done(send), Error);
}

TEST(ThreadTransport, empty_messages_are_messages) {
  Pair pair;
  pair.zero->send(1, 0, {});
  EXPECT_TRUE(pair.one->done(pair.one->receive(0, 0, {})));
}

TEST(ThreadTransport, a_message_of_another_size_is_an_error) {
  Pair pair;
  const Bytes sent(3);
  Bytes received(4);
  pair.zero->send(1, 0, sent);
  const auto ticket = pair.one->receive(0, 0, received);
  EXPECT_THROW(pair.one->done(ticket), Error);
}

TEST(ThreadTransport, a_stopped_rank_is_silent_and_goes_on_where_it_stopped) {
  Pair pair;
  const Bytes sent = bytes_of({9});
  Bytes received(1);
  pair.zero->send(1, 0, sent);
  const auto ticket = pair.one->receive(0, 0, received);
  pair.ranks.stop(0);
  EXPECT_FALSE(pair.one->done(ticket));
  pair.ranks.go_on(0);
  EXPECT_TRUE(pair.one->done(ticket));
  EXPECT_EQ(received, sent);
}

TEST(ThreadTransport, a_rank_that_vanished_is_named) {
  Pair pair;
  Bytes received(1);
  const auto ticket = pair.one->receive(0, 0, received);
  EXPECT_FALSE(pair.one->done(ticket));
  pair.ranks.vanish(0);
  try {
    pair.one->done(ticket);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_STREQ(error.what(), "rank 0 (a thread) is no longer there");
  }
}

TEST(ThreadTransport, a_transport_destroyed_with_tickets_open_vanishes) {
  Pair pair;
  Bytes received(1);
  {
    const Bytes sent(1);
    pair.zero->send(1, 0, sent);
    pair.zero.reset();
  }
  const auto ticket = pair.one->receive(0, 0, received);
  EXPECT_THROW(pair.one->done(ticket), Error);
}

TEST(ThreadTransport, a_delayed_message_arrives_after_that_many_asks) {
  Pair pair;
  pair.ranks.delay(0, 1, 2);
  const Bytes sent = bytes_of({4});
  Bytes received(1);
  pair.zero->send(1, 0, sent);
  const auto ticket = pair.one->receive(0, 0, received);
  EXPECT_FALSE(pair.one->done(ticket));
  EXPECT_FALSE(pair.one->done(ticket));
  EXPECT_TRUE(pair.one->done(ticket));
}

TEST(ThreadTransport, ranks_on_threads_of_their_own_pass_a_sum_round_a_ring) {
  constexpr std::size_t kRanks = 4, kRounds = 50;
  ThreadRanks ranks(kRanks);
  std::array<std::byte, kRanks> sums{};
  std::vector<std::thread> threads;
  for (std::size_t rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto transport = ranks.transport(rank);
      std::byte held{static_cast<unsigned char>(rank)};
      std::byte arrived{};
      for (std::size_t round = 0; round < kRounds; ++round) {
        const auto send = transport->send((rank + 1) % kRanks, 1, {&held, 1});
        const auto receive = transport->receive((rank + kRanks - 1) % kRanks, 1, {&arrived, 1});
        for (const auto ticket : {send, receive}) {
          while (!transport->done(ticket)) std::this_thread::yield();
        }
        held = arrived;
      }
      sums[rank] = held;
    });
  }
  for (std::thread& thread : threads) thread.join();
  // After 50 steps round 4 places everything has moved on by 2.
  for (std::size_t rank = 0; rank < kRanks; ++rank)
    EXPECT_EQ(static_cast<std::size_t>(sums[rank]), (rank + 2) % kRanks);
}

}  // namespace
}  // namespace ztilde
