// Run as several ranks (tests/with_ranks.sh); all of them run the same tests in the same order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

#include "ztilde/error.hpp"
#include "ztilde/mpi.hpp"

namespace ztilde {
namespace {

using testing::HasSubstr;
using Ticket = Transport::Ticket;

// Messages above this travel in parts, here as there above 1 GB.
constexpr std::size_t kLargest = 1000;
std::unique_ptr<Transport> transport;

std::size_t count() { return transport->count(); }
std::size_t next() { return (transport->rank() + 1) % count(); }
std::size_t last() { return (transport->rank() + count() - 1) % count(); }

void wait(Ticket ticket) {
  while (!transport->done(ticket)) std::this_thread::yield();
}

// Differs between ranks, messages and places.
std::vector<std::byte> message(std::size_t rank, std::size_t number, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>((rank * 89 + number * 31 + i * 7 + i / 251) & 255);
  return bytes;
}

TEST(MpiTransport, every_rank_has_a_name_that_tells_it_from_the_others) {
  std::string all;
  for (std::size_t rank = 0; rank < count(); ++rank) {
    EXPECT_THAT(transport->name(rank), HasSubstr("rank " + std::to_string(rank) + " ("));
    EXPECT_THAT(transport->name(rank), HasSubstr(", process "));
  }
  const std::string process = "process " + std::to_string(::getpid()) + ")";
  for (std::size_t rank = 0; rank < count(); ++rank)
    EXPECT_EQ(transport->name(rank).ends_with(process), rank == transport->rank());
}

TEST(MpiTransport, many_messages_of_one_tag_arrive_in_the_order_in_which_they_were_sent) {
  constexpr std::size_t kMessages = 500;
  std::vector<std::vector<std::byte>> sent, received(kMessages);
  std::vector<Ticket> sends, receives;
  for (std::size_t i = 0; i < kMessages; ++i) {
    sent.push_back(message(transport->rank(), i, 16));
    received[i].resize(16);
  }
  for (std::size_t i = 0; i < kMessages; ++i) {
    sends.push_back(transport->send(next(), 3, sent[i]));
    receives.push_back(transport->receive(last(), 3, received[i]));
  }
  // Asked for in the opposite order: what is done does not depend on who asks first.
  for (std::size_t i = kMessages; i-- > 0;) wait(receives[i]);
  for (const Ticket ticket : sends) wait(ticket);
  for (std::size_t i = 0; i < kMessages; ++i) EXPECT_EQ(received[i], message(last(), i, 16)) << i;
}

TEST(MpiTransport, messages_of_two_tags_do_not_mix) {
  const auto a = message(transport->rank(), 1, 50), b = message(transport->rank(), 2, 50);
  std::vector<std::byte> first(50), second(50);
  const Ticket sends[] = {transport->send(next(), 0, a), transport->send(next(), 32'767, b)};
  const Ticket late = transport->receive(last(), 32'767, second);
  wait(late);
  wait(transport->receive(last(), 0, first));
  for (const Ticket ticket : sends) wait(ticket);
  EXPECT_EQ(first, message(last(), 1, 50));
  EXPECT_EQ(second, message(last(), 2, 50));
}

TEST(MpiTransport, messages_of_every_size_around_a_part_arrive_whole) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kLargest - 1, kLargest, kLargest + 1,
                                 2 * kLargest, 2 * kLargest + 1, std::size_t{3'000'017}}) {
    const auto sent = message(transport->rank(), size, size);
    std::vector<std::byte> received(size);
    const Ticket send = transport->send(next(), 5, sent), receive = transport->receive(last(), 5, received);
    wait(receive);
    wait(send);
    EXPECT_TRUE(received == message(last(), size, size)) << size;
  }
}

TEST(MpiTransport, a_ticket_that_was_done_is_no_more) {
  const Ticket send = transport->send(next(), 1, {}), receive = transport->receive(last(), 1, {});
  wait(send);
  EXPECT_THROW(transport->done(send), Error);
  wait(receive);
  EXPECT_THROW(transport->done(1'000'000), Error);
}

TEST(MpiTransport, a_message_of_another_size_is_an_error_that_names_the_sender) {
  const auto sent = message(transport->rank(), 0, 10);
  for (const std::size_t wanted : {std::size_t{9}, std::size_t{11}}) {
    std::vector<std::byte> received(wanted);
    const Ticket send = transport->send(next(), 6, sent), receive = transport->receive(last(), 6, received);
    try {
      wait(receive);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(transport->name(last())));
    }
    wait(send);
  }
}

TEST(MpiTransport, another_thread_than_the_one_that_started_it_may_use_it) {
  std::thread([] {
    const auto sent = message(transport->rank(), 8, 100);
    std::vector<std::byte> received(100);
    const Ticket send = transport->send(next(), 2, sent), receive = transport->receive(last(), 2, received);
    wait(send);
    wait(receive);
    EXPECT_EQ(received, message(last(), 8, 100));
  }).join();
}

TEST(MpiTransport, is_started_once_in_a_process) { EXPECT_THROW(mpi_transport(), Error); }

}  // namespace
}  // namespace ztilde

int main(int argument_count, char** arguments) {
  testing::InitGoogleTest(&argument_count, arguments);
  ztilde::transport = ztilde::mpi_transport(ztilde::kLargest);
  const int result = RUN_ALL_TESTS();
  if (result != 0) ztilde::abandon(result);
  ztilde::transport.reset();
  return result;
}
