// This process as one of several ranks that an MPI launcher started: rank 0 alone speaks and writes, and what
// goes wrong on any rank is said once.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "training/handshake.hpp"
#include "ztilde/transport.hpp"

namespace ztilde::cli {

// The ranks of this process, which last until end_ranks().
class RanksHandle {
 public:
  explicit RanksHandle(Transport& transport) : transport_(&transport) {}
  Transport& transport() const { return *transport_; }
  std::size_t rank() const { return transport_->rank(); }
  std::size_t count() const { return transport_->count(); }
  bool writes() const { return rank() == 0; }

  // Collective, the first thing between ranks and before anything is written: throws the same Error(data) on
  // all of them where one cannot go on or differs. waited_enough: see verdict().
  void agree(const RankIdentity& own, const std::function<bool()>& waited_enough) const;

 private:
  Transport* transport_;
};

// Loads libztilde_mpi.so and starts MPI where a launcher started this process as one of several; the same
// ranks whenever it is called. Throws Error(data) where the component is missing.
std::optional<RanksHandle> ranks_of_environment();

// The failure that this rank is about to throw is known to all that are left, and `rank` is the one to say
// it. all_there: every rank is about to throw it, and can end in order.
void leave_failure_to(std::size_t rank, bool all_there);

// The following are for main().

// Of a command that is not for ranks, given as its verb (or option): the exit code of a rank that has nothing
// to do with it. Silences ranks other than 0.
std::optional<int> left_to_rank_zero(std::string_view verb, bool is_verb);

// Ends what was started, together with the other ranks.
void end_ranks();

// Says what went wrong where this rank is the one to say it, and ends the others where they wait for this
// one; the exit code. Nothing where this process is not one of several.
std::optional<int> fail_as_rank(int exit_code, const std::string& message);

}  // namespace ztilde::cli
