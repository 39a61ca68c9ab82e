#include "cli/ranks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "base/host_name.hpp"
#include "base/text.hpp"
#include "cli/launch.hpp"
#include "cli/ranks_library.hpp"
#include "cli/streams.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

// How long a rank that fails before the handshake waits for the others to come as far, how much longer for
// rank 0 to say who is missing, and how long one that has nothing to say leaves to the one that has.
constexpr std::chrono::seconds kForOthers{20}, kForVerdict{5}, kForSpeaker{2};

struct Ranks {
  std::optional<Launch> launch = cli::launch();
  RanksLibrary component;
  std::unique_ptr<Transport> transport;
  bool unusable = false;               // the component or MPI
  bool agreed = false;                 // the handshake was, whatever came of it
  std::optional<std::size_t> speaker;  // of a failure that all know of
  bool all_there = false;              // to end in order with
};

Ranks& ranks() {
  static Ranks* const all = new Ranks;  // never destroyed: MPI is ended in order, or not at all
  return *all;
}

void start(Ranks& all) {
  all.unusable = true;
  all.component = load_ranks_library();
  all.transport.reset(all.component.transport());
  if (all.transport->count() != all.launch->count) {
    throw Error(
        ErrorKind::data,
        fmt::format("started as {} ranks, of which MPI knows {}; use the mpirun of the MPI library that "
                    "ztilde was built with",
                    all.launch->count, all.transport->count()));
  }
  all.unusable = false;
}

void say(const std::string& message) { write_failure("error: " + message + "\n"); }

// All know what is wrong.
int end_with_others(const Ranks& all, int exit_code, const std::string& message) {
  const bool speaks = all.launch->rank == *all.speaker;
  if (speaks) say(message);
  if (all.all_there) {
    end_ranks();
  } else {
    if (!speaks) std::this_thread::sleep_for(kForSpeaker);
    all.component.abandon(exit_code);
  }
  return exit_code;
}

// Without MPI there is no way to speak once but once a host.
int fail_without_ranks(const Launch& launch, int exit_code, const std::string& message) {
  // A rank that ends with a code above 0 has the launcher end the others, which may not have spoken yet.
  if (launch.rank_on_host != 0) return 0;
  say(fmt::format("rank {} ({}): {}", launch.rank, printable(host_name()), message));
  return exit_code;
}

// The others learn of it in the handshake, which they come to or wait in.
std::optional<int> fail_in_handshake(Ranks& all, int exit_code, const std::string& message) {
  const auto until =
      std::chrono::steady_clock::now() + kForOthers + (all.launch->rank == 0 ? 0 : 1) * kForVerdict;
  try {
    ranks_of_environment()->agree({.version = ZTILDE_VERSION, .run = {}, .files = {}, .failure = message},
                                  [&] { return std::chrono::steady_clock::now() > until; });
  } catch (const Error& error) {
    if (all.unusable) return fail_without_ranks(*all.launch, 2, error.what());
    if (all.speaker) return end_with_others(all, exit_code, error.what());
  }
  return {};  // nobody heard of it
}

}  // namespace

void RanksHandle::agree(const RankIdentity& own, const std::function<bool()>& waited_enough) const {
  ranks().agreed = true;
  const Verdict heard = verdict(*transport_, own, waited_enough);
  if (heard.text.empty()) return;
  leave_failure_to(0, heard.all_heard);
  throw Error(heard.all_heard ? ErrorKind::data : ErrorKind::io, heard.text);
}

std::optional<RanksHandle> ranks_of_environment() {
  Ranks& all = ranks();
  if (!all.launch) return {};
  if (!all.transport) {
    try {
      start(all);
    } catch (const Error&) {
      if (all.launch->count > 1) throw;
      all.launch.reset();  // alone, it can do without
      return {};
    }
  }
  return RanksHandle(*all.transport);
}

void leave_failure_to(std::size_t rank, bool all_there) {
  ranks().speaker = rank;
  ranks().all_there = all_there;
}

std::optional<int> left_to_rank_zero(std::string_view verb, bool is_verb) {
  Ranks& all = ranks();
  if (!all.launch) return {};
  const bool first = all.launch->rank == 0;
  if (!first) silence();
  if (verb == "train" || verb == "search" || all.launch->count == 1) return {};
  // With 0, so that the launcher leaves rank 0 the time to speak.
  if (!first) return 0;
  const std::size_t count = all.launch->count;
  all.launch.reset();  // from here on as any process
  if (!is_verb) return {};
  throw Error(ErrorKind::data,
              fmt::format("{}: cannot be done by {} ranks; start it without mpirun (train and search can)",
                          verb, count));
}

void end_ranks() { ranks().transport.reset(); }

std::optional<int> fail_as_rank(int exit_code, const std::string& message) {
  Ranks& all = ranks();
  if (!all.launch) return {};
  if (all.unusable) return fail_without_ranks(*all.launch, exit_code, message);
  if (!all.agreed) {
    if (const auto ended = fail_in_handshake(all, exit_code, message)) return ended;
  } else if (all.speaker) {
    return end_with_others(all, exit_code, message);
  }
  say(all.launch->rank == 0 ? message
                            : fmt::format("{}: {}", all.transport->name(all.launch->rank), message));
  all.component.abandon(exit_code);
  return exit_code;
}

}  // namespace ztilde::cli
