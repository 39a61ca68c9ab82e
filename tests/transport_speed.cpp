// What messages between rank 0 and each other rank take: run as two or more ranks.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <span>
#include <thread>
#include <vector>

#include "ztilde/mpi.hpp"

namespace {

using Bytes = std::vector<std::byte>;

void wait(ztilde::Transport& transport, ztilde::Transport::Ticket ticket) {
  while (!transport.done(ticket)) std::this_thread::yield();
}

// The ranks whose turn it is not leave the cores to those that are measured.
void wait_for_turn(ztilde::Transport& transport, std::size_t other) {
  const auto ticket = transport.rank() == 0 ? transport.send(other, 2, {}) : transport.receive(0, 2, {});
  while (!transport.done(ticket)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// The median of the seconds that a message takes there and a message of `back` bytes takes to return.
double seconds(ztilde::Transport& transport, std::size_t other, std::size_t size, std::size_t back,
               int repeats) {
  Bytes there(size), here(back);
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (transport.rank() == 0) {
      wait(transport, transport.send(other, 1, there));
      wait(transport, transport.receive(other, 1, here));
    } else {
      wait(transport, transport.receive(0, 1, there));
      wait(transport, transport.send(0, 1, here));
    }
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::ranges::nth_element(times, times.begin() + repeats / 2);
  return times[static_cast<std::size_t>(repeats) / 2];
}

}  // namespace

int main() {
  const auto transport = ztilde::mpi_transport();
  for (std::size_t other = 1; other < transport->count(); ++other) {
    if (transport->rank() != 0 && transport->rank() != other) continue;
    wait_for_turn(*transport, other);
    constexpr std::size_t kLarge = 8'000'000;
    const double small = seconds(*transport, other, 8, 8, 101),
                 large = seconds(*transport, other, kLarge, 8, 5);
    if (transport->rank() != 0) continue;
    std::printf("%s and %s: 8 bytes there and back %.3f ms, %.1f Mbit/s\n", transport->name(0).c_str(),
                transport->name(other).c_str(), 1e3 * small, 8e-6 * kLarge / (large - small));
  }
}
