#include "base/exchange.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

#include "base/cut.hpp"

namespace ztilde {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTags = 16000;  // two for each operation, in turn

// Between two looks for news of others. The core may be what they wait for.
void pause_after(int looks) {
  constexpr int kSpins = 200, kYields = 4000;  // some 0.1 ms, and some ms
  if (looks < kSpins) return;
  if (looks < kYields) return std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::microseconds(50));
}

}  // namespace

// Something that all ranks do together: messages in rounds, the next when all of one have arrived.
class Exchange::Operation {
 public:
  explicit Operation(int tag) : tag_(tag) {}
  virtual ~Operation() = default;
  // Begins the next round; false: there is none.
  virtual bool begin_round(Exchange& exchange) = 0;

  // Whether all messages of this round are done.
  bool arrived(Transport& transport) {
    std::erase_if(open_, [&](const Open& each) { return transport.done(each.ticket); });
    return open_.empty();
  }
  // The first rank whose message is waited for, else whoever does not take ours.
  std::optional<std::size_t> missing() const {
    for (const Open& each : open_) {
      if (each.receives) return each.rank;
    }
    return open_.empty() ? std::nullopt : std::optional(open_.front().rank);
  }

  bool finished = false;

 protected:
  void send(Exchange& exchange, std::size_t to, int round, std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    open_.push_back({exchange.transport_->send(to, tag_ + round, bytes), to, false});
  }
  void receive(Exchange& exchange, std::size_t from, int round, std::span<std::byte> bytes) {
    if (!bytes.empty())
      open_.push_back({exchange.transport_->receive(from, tag_ + round, bytes), from, true});
  }
  template <class Visit>
  static void for_others(const Exchange& exchange, Visit&& visit) {
    for (std::size_t i = 1; i < exchange.count_; ++i) visit((exchange.rank_ + i) % exchange.count_);
  }

 private:
  struct Open {
    Transport::Ticket ticket;
    std::size_t rank;
    bool receives;
  };
  int tag_;
  std::vector<Open> open_;
};

class Exchange::Gather : public Operation {
 public:
  Gather(int tag, std::vector<SharedBytes> arrays) : Operation(tag), arrays_(std::move(arrays)) {}

  bool begin_round(Exchange& exchange) override {
    if (std::exchange(begun_, true)) return false;
    for (const SharedBytes& array : arrays_) {
      for_others(exchange, [&](std::size_t other) {
        send(exchange, other, 0, part(array, exchange.rank_));
        receive(exchange, other, 0, part(array, other));
      });
    }
    return true;
  }

 private:
  static std::span<std::byte> part(const SharedBytes& array, std::size_t rank) {
    const std::size_t first = rank == 0 ? 0 : array.ends[rank - 1];
    return {array.data + first, array.ends[rank] - first};
  }
  std::vector<SharedBytes> arrays_;
  bool begun_ = false;
};

// First every rank gets its part of the numbers from all, and adds it up; then everyone gets every part.
class Exchange::Sum : public Operation {
 public:
  Sum(int tag, const LaneSum& sum) : Operation(tag), sum_(sum) {}

  bool begin_round(Exchange& exchange) override {
    const Cut parts{sum_.floats, exchange.count_};
    const std::size_t first = parts.first(exchange.rank_), floats = parts.size(exchange.rank_);
    if (++round_ == 1) {
      further_ = taken(exchange, tree_depth(sum_.lanes) * floats);
      others_ = taken(exchange, sum_.all.size() * floats);
      std::size_t node = 0;
      for (std::size_t rank = 0; rank < exchange.count_; ++rank) {
        for (std::size_t i = 0; i < sum_.of_rank[rank]; ++i, ++node) {
          if (rank != exchange.rank_)
            receive(exchange, rank, 0, bytes(others_.data() + node * floats, floats));
        }
      }
      for_others(exchange, [&](std::size_t other) {
        for (std::size_t i = 0; i < sum_.of_rank[exchange.rank_]; ++i)
          send(exchange, other, 0, bytes(sum_.own + i * sum_.floats + parts.first(other), parts.size(other)));
      });
      return true;
    }
    if (round_ > 2) {
      exchange.spare_.push_back(std::move(further_));
      exchange.spare_.push_back(std::move(others_));
      return false;
    }
    add_up_part(exchange.rank_, first, floats);
    for_others(exchange, [&](std::size_t other) {
      send(exchange, other, 1, bytes(sum_.total + first, floats));
      receive(exchange, other, 1, bytes(sum_.total + parts.first(other), parts.size(other)));
    });
    return true;
  }

 private:
  static std::span<std::byte> bytes(float* data, std::size_t floats) {
    return {reinterpret_cast<std::byte*>(data), floats * sizeof(float)};
  }
  void add_up_part(std::size_t rank, std::size_t first, std::size_t floats) {
    if (floats == 0) return;  // fewer numbers than ranks: nothing is this one's
    std::size_t before = 0;
    for (std::size_t r = 0; r < rank; ++r) before += sum_.of_rank[r];
    const auto known = [&](LaneRange node, std::size_t) -> const float* {
      const auto found = std::ranges::find(sum_.all, node);
      if (found == sum_.all.end()) return nullptr;
      const auto place = static_cast<std::size_t>(found - sum_.all.begin());
      const bool own = place >= before && place < before + sum_.of_rank[rank];
      return own ? sum_.own + (place - before) * sum_.floats + first : others_.data() + place * floats;
    };
    float* const total = sum_.total + first;
    const auto add = [&](const float* left, const float* right, std::size_t level) {
      float* const to = level == 0 ? total : further_.data() + (level - 1) * floats;
      for (std::size_t i = 0; i < floats; ++i) to[i] = left[i] + right[i];
      return to;
    };
    const float* const sum = sum_of_node({0, sum_.lanes}, 0, known, add);
    if (sum != total) std::copy_n(sum, floats, total);
  }
  static std::vector<float> taken(Exchange& exchange, std::size_t floats) {
    std::vector<float> buffer;
    if (!exchange.spare_.empty()) {
      buffer = std::move(exchange.spare_.back());
      exchange.spare_.pop_back();
    }
    if (buffer.size() < floats) buffer.resize(floats);
    return buffer;
  }

  LaneSum sum_;
  int round_ = 0;
  std::vector<float> others_;   // this rank's part of every node
  std::vector<float> further_;  // and of sums on the way
};

Exchange::Exchange(std::shared_ptr<Transport> transport, double seconds)
    : transport_(std::move(transport)),
      rank_(transport_->rank()),
      count_(transport_->count()),
      seconds_(seconds) {}

Exchange::~Exchange() = default;

std::string Exchange::problem() const {
  const std::scoped_lock lock(mutex_);
  return problem_;
}

void Exchange::fail(const std::string& why) {
  if (problem_.empty()) problem_ = why;
  going_.clear();
  under_way_.store(false, std::memory_order_relaxed);
  failed_.store(true, std::memory_order_release);
}

// Takes an operation as far as it goes without waiting. Whether it went on at all.
bool Exchange::advance(Operation& operation) {
  bool news = false;
  while (!operation.finished && operation.arrived(*transport_)) {
    operation.finished = !operation.begin_round(*this);
    news = true;
  }
  return news;
}

bool Exchange::advance_all() {
  bool news = false;
  try {
    for (const auto& each : going_) news = advance(*each) || news;
    std::erase_if(going_, [](const auto& each) { return each->finished; });
    under_way_.store(!going_.empty(), std::memory_order_relaxed);
  } catch (const std::exception& error) {
    fail(error.what());
  }
  return news;
}

void Exchange::start(std::shared_ptr<Operation> operation) {
  const std::scoped_lock lock(mutex_);
  going_.push_back(std::move(operation));
  advance_all();
}

void Exchange::go_on() {
  if (!under_way_.load(std::memory_order_relaxed)) return;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock) advance_all();
}

std::string Exchange::missing_words() const {
  for (const auto& each : going_) {
    if (const std::optional<std::size_t> rank = each->missing())
      return fmt::format(
          "{} has not answered for {:g} s; see what became of it, and go on from the checkpoint",
          transport_->name(*rank), seconds_);
  }
  return {};
}

bool Exchange::wait(const Operation& operation) {
  // Counted from here: what was begun earlier may not have been asked after for long.
  Clock::time_point since = Clock::now();
  for (int looks = 0;; ++looks) {
    {
      const std::scoped_lock lock(mutex_);
      if (failed()) return false;
      if (advance_all()) {
        since = Clock::now();
        looks = 0;
      }
      if (operation.finished) return true;
      if (std::chrono::duration<double>(Clock::now() - since).count() >= seconds_) {
        if (const std::string words = missing_words(); !words.empty()) fail(words);
      }
    }
    pause_after(looks);
  }
}

bool Exchange::gather(std::vector<SharedBytes> arrays) {
  if (count_ == 1) return true;
  if (failed()) return false;
  const auto operation = std::make_shared<Gather>(2 * (next_tag_++ % kTags), std::move(arrays));
  start(operation);
  return wait(*operation);
}

bool Exchange::any(bool mine) {
  std::vector<std::byte> all(count_, std::byte{0});
  all[rank_] = std::byte{mine};
  std::vector<std::size_t> ends(count_);
  for (std::size_t r = 0; r < count_; ++r) ends[r] = r + 1;
  gather({{all.data(), ends}});
  return std::ranges::any_of(all, [](std::byte each) { return each != std::byte{0}; });
}

std::string Exchange::of_first(std::string bytes) {
  std::uint64_t size = bytes.size();
  gather({{reinterpret_cast<std::byte*>(&size), std::vector<std::size_t>(count_, sizeof size)}});
  if (failed()) return {};
  bytes.resize(size);
  gather({{reinterpret_cast<std::byte*>(bytes.data()), std::vector<std::size_t>(count_, size)}});
  return bytes;
}

void Exchange::begin_sum(const LaneSum& sum) {
  if (failed()) return;
  sums_.push_back(std::make_shared<Sum>(2 * (next_tag_++ % kTags), sum));
  start(sums_.back());
}

bool Exchange::finish_sums() {
  bool all = !failed();
  for (const auto& sum : sums_) all = wait(*sum);
  sums_.clear();
  return all;
}

}  // namespace ztilde
