// Before the first step the ranks find out whether they are about to train the same model on the same rows,
// or whether one of them cannot at all; all of them learn the same verdict.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "training/run_identity.hpp"
#include "ztilde/transport.hpp"

namespace ztilde {

struct RankIdentity {
  std::string version;
  std::string instructions = {};  // instruction_set()
  RunIdentity run;                // identity_of() what is about to be trained
  std::string files;              // where the rows are from, as messages call it: "train.csv"
  std::string failure;            // why this rank cannot go on, one line; "" where it can

  bool operator==(const RankIdentity&) const = default;
};

// The processor's vector instructions that this process computes with: "AVX-512".
std::string instruction_set();

std::string to_text(const RankIdentity& identity);
// Throws Error(data) where the text is none of the above's.
RankIdentity identity_from_text(const std::string& text);

// "": all may begin. Otherwise one line: which rank cannot go on, or differs from rank 0 in what. By rank.
std::string disagreement(std::span<const RankIdentity> ranks, std::span<const std::string> names);

struct Verdict {
  std::string text;       // of disagreement()
  bool all_heard = true;  // false: a rank does not answer, which text says
};

// Collective; the first use of a transport, by tags 32,766 and 32,767. Every rank gets the same verdict. Once
// `waited_enough` says so, rank 0 gives up those it has not heard of; the others should wait somewhat longer,
// for they hear from rank 0 who is missing. Throws Error(io) where a rank does not hear from rank 0.
Verdict verdict(Transport& transport, const RankIdentity& own, const std::function<bool()>& waited_enough);

}  // namespace ztilde
