// What the ranks of a run tell each other while they train. Whoever waits does the talking; and so that sums
// travel while the workers go on, these ask after them between two pieces of work.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/lane_tree.hpp"
#include "ztilde/transport.hpp"

namespace ztilde {

// An array of which every rank has made a part: rank r the bytes ends[r - 1] … ends[r] - 1.
struct SharedBytes {
  std::byte* data = nullptr;
  std::vector<std::size_t> ends;  // by rank, rising
};

// Sums by lane of `floats` numbers. own: whole_nodes of this rank's lanes, one after the other; all: those of
// all ranks in their order, of_rank[r] of them from rank r. total: where the sum over all lanes goes.
struct LaneSum {
  std::size_t floats = 0;
  float* own = nullptr;
  float* total = nullptr;
  std::vector<LaneRange> all;
  std::vector<std::size_t> of_rank;
  std::size_t lanes = 0;
};

// No member throws: the workers of a team call them at their barriers. All ranks call the same ones in the
// same order. What goes wrong between ranks is told by problem(), and everything after it returns false at
// once.
class Exchange {
 public:
  // seconds: a rank that is waited for longer than this is taken for dead. The transport is called by one
  // thread at a time, but not always by the same.
  Exchange(std::shared_ptr<Transport> transport, double seconds);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  std::size_t rank() const { return rank_; }
  std::size_t count() const { return count_; }

  // Waits until every rank has all parts of all arrays.
  bool gather(std::vector<SharedBytes> arrays);
  // Waits for all ranks: whether any of them says so.
  bool any(bool mine);
  // What rank 0 has, on all ranks.
  std::string of_first(std::string bytes);

  // Begins to add up; the sum, and what it points to, stays where it is until finish_sums.
  void begin_sum(const LaneSum& sum);
  // Takes the sums as far as they go without waiting. Any worker, at any time: where there is nothing to do,
  // or another is at it, it costs nothing.
  void go_on();
  // Waits until all sums begun are in their `total`.
  bool finish_sums();

  bool failed() const { return failed_.load(std::memory_order_acquire); }
  // "rank 1 (host, process 4711) has not answered for 30 s; …", "" while all is well.
  std::string problem() const;

 private:
  class Operation;
  class Gather;
  class Sum;
  bool advance(Operation& operation);
  bool advance_all();
  void start(std::shared_ptr<Operation> operation);
  bool wait(const Operation& operation);
  void fail(const std::string& why);
  std::string missing_words() const;

  std::shared_ptr<Transport> transport_;
  const std::size_t rank_, count_;
  const double seconds_;
  std::atomic<bool> failed_ = false;
  std::atomic<bool> under_way_ = false;  // whether going_ has any
  mutable std::mutex mutex_;             // of what follows, and of the transport
  std::vector<std::shared_ptr<Operation>> going_;
  std::vector<std::vector<float>>
      spare_;  // of sums that have ended: new memory costs more than what is done with it
  std::string problem_;
  std::vector<std::shared_ptr<Operation>> sums_;  // since the last finish_sums
  int next_tag_ = 0;
};

}  // namespace ztilde
