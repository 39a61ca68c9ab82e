// A transport for tests: the ranks are threads of one process, and what goes wrong between ranks can be asked
// for.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ztilde/error.hpp"
#include "ztilde/transport.hpp"

namespace ztilde {

// What the ranks share; outlives their transports. Its members may be called by any thread.
class ThreadRanks {
 public:
  explicit ThreadRanks(std::size_t count) : ranks_(count) {}
  ThreadRanks(const ThreadRanks&) = delete;
  ThreadRanks& operator=(const ThreadRanks&) = delete;

  // The transport of one rank, for one thread, once. Destroyed with tickets open: the rank vanishes.
  std::unique_ptr<Transport> transport(std::size_t rank);

  // Like SIGSTOP: its messages no longer leave or arrive, and nobody is told.
  void stop(std::size_t rank) { change(rank, &Rank::stopped, true); }
  void go_on(std::size_t rank) { change(rank, &Rank::stopped, false); }
  // Like a process that dies: tickets of others with it throw Error(io) that names it; what it does itself
  // never ends.
  void vanish(std::size_t rank) { change(rank, &Rank::gone, true); }
  // From now on each message from one rank to another arrives only after the receiver asked for it `asks`
  // times.
  void delay(std::size_t from, std::size_t to, std::size_t asks) {
    const std::scoped_lock lock(mutex_);
    delays_[{from, to}] = asks;
  }
  // Messages delivered, and their bytes, so far.
  std::size_t messages() const { return messages_; }
  std::size_t bytes() const { return bytes_; }

 private:
  friend class ThreadTransport;
  struct Rank {
    bool stopped = false, gone = false;
  };
  struct Transfer {
    std::span<const std::byte> from;  // of a send
    std::span<std::byte> to;          // of a receive
    std::size_t self = 0, peer = 0, wait = 0;
    bool is_send = false, done = false;
    std::string failure = {};
  };
  using Shared = std::shared_ptr<Transfer>;
  struct Channel {
    std::deque<Shared> sends, receives;
  };

  void change(std::size_t rank, bool Rank::*what, bool value) {
    const std::scoped_lock lock(mutex_);
    ranks_.at(rank).*what = value;
  }
  static std::string name(std::size_t rank) { return "rank " + std::to_string(rank) + " (a thread)"; }
  bool moves(std::size_t rank) const { return !ranks_[rank].stopped && !ranks_[rank].gone; }
  void deliver(Channel& channel);

  mutable std::mutex mutex_;
  std::vector<Rank> ranks_;
  std::map<std::tuple<std::size_t, std::size_t, int>, Channel> channels_;  // from, to, tag
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> delays_;
  std::atomic<std::size_t> messages_ = 0, bytes_ = 0;
};

class ThreadTransport : public Transport {
 public:
  ThreadTransport(ThreadRanks& ranks, std::size_t rank) : ranks_(ranks), rank_(rank) {}
  ~ThreadTransport() override {
    const std::scoped_lock lock(ranks_.mutex_);
    if (open_.empty()) return;
    ranks_.ranks_[rank_].gone = true;  // its memory is no longer there to be read or written
    for (auto& [key, channel] : ranks_.channels_) {
      const auto own = [&](const ThreadRanks::Shared& each) { return each->self == rank_; };
      std::erase_if(channel.sends, own);
      std::erase_if(channel.receives, own);
    }
  }

  std::size_t rank() const override { return rank_; }
  std::size_t count() const override { return ranks_.ranks_.size(); }
  std::string name(std::size_t rank) const override { return ThreadRanks::name(rank); }

  Ticket send(std::size_t to, int tag, std::span<const std::byte> bytes) override {
    ThreadRanks::Transfer transfer{.from = bytes, .to = {}, .self = rank_, .peer = to};
    transfer.is_send = true;
    return start({rank_, to, tag}, std::move(transfer));
  }
  Ticket receive(std::size_t from, int tag, std::span<std::byte> bytes) override {
    return start({from, rank_, tag}, {.from = {}, .to = bytes, .self = rank_, .peer = from});
  }
  bool done(Ticket ticket) override {
    const std::scoped_lock lock(ranks_.mutex_);
    const auto at = open_.find(ticket);
    if (at == open_.end()) throw Error(ErrorKind::data, "a ticket was asked for after it was done");
    ThreadRanks::Transfer& transfer = *at->second.transfer;
    ThreadRanks::Channel& channel = *at->second.channel;
    if (!transfer.is_send && !channel.sends.empty() && channel.sends.front()->wait > 0) {
      --channel.sends.front()->wait;
    } else {
      ranks_.deliver(channel);
    }
    if (!transfer.failure.empty()) throw Error(ErrorKind::data, transfer.failure);
    if (!ranks_.moves(rank_)) return false;
    if (!transfer.done) {
      if (ranks_.ranks_[transfer.peer].gone)
        throw Error(ErrorKind::io, name(transfer.peer) + " is no longer there");
      return false;
    }
    open_.erase(at);
    return true;
  }

 private:
  struct Open {
    ThreadRanks::Shared transfer;
    ThreadRanks::Channel* channel;
  };

  Ticket start(std::tuple<std::size_t, std::size_t, int> key, ThreadRanks::Transfer transfer) {
    const std::scoped_lock lock(ranks_.mutex_);
    if (transfer.peer >= count() || std::get<int>(key) < 0 || std::get<int>(key) > 32'767)
      throw Error(ErrorKind::data, "a message needs a rank that exists and a tag from 0 to 32,767");
    if (transfer.is_send) {
      const auto delay = ranks_.delays_.find({rank_, transfer.peer});
      if (delay != ranks_.delays_.end()) transfer.wait = delay->second;
    }
    ThreadRanks::Channel& channel = ranks_.channels_[key];
    auto shared = std::make_shared<ThreadRanks::Transfer>(std::move(transfer));
    (shared->is_send ? channel.sends : channel.receives).push_back(shared);
    open_.emplace(next_, Open{std::move(shared), &channel});
    return next_++;
  }

  ThreadRanks& ranks_;
  std::size_t rank_;
  std::map<Ticket, Open> open_;
  Ticket next_ = 0;
};

// A send is done when its bytes have been copied, never before: bytes changed too early are seen as such.
inline void ThreadRanks::deliver(Channel& channel) {
  while (!channel.sends.empty() && !channel.receives.empty() && channel.sends.front()->wait == 0) {
    Transfer& send = *channel.sends.front();
    Transfer& receive = *channel.receives.front();
    if (!moves(send.self) || !moves(receive.self)) return;
    if (send.from.size() == receive.to.size()) {
      if (!send.from.empty()) std::memcpy(receive.to.data(), send.from.data(), send.from.size());
      messages_ += 1;
      bytes_ += send.from.size();
    } else {
      receive.failure = name(send.self) + " sent " + std::to_string(send.from.size()) + " bytes, not " +
                        std::to_string(receive.to.size());
    }
    send.done = receive.done = true;
    channel.sends.pop_front();
    channel.receives.pop_front();
  }
}

inline std::unique_ptr<Transport> ThreadRanks::transport(std::size_t rank) {
  return std::make_unique<ThreadTransport>(*this, rank);
}

}  // namespace ztilde
