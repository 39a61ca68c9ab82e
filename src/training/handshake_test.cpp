#include "training/handshake.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_transport.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

RankIdentity usual() {
  return {.version = "0.1.0",
          .instructions = "AVX-512",
          .run = {{"the number of rows", "240"},
                  {"the inputs", "#1"},
                  {"the targets", "#2"},
                  {"the network", "#3"},
                  {"--lr", "0.002"},
                  {"--batch", "64"}},
          .files = "train.csv",
          .failure = ""};
}

// What is said where rank 2 of three is `odd`.
std::string said_of(const RankIdentity& odd) {
  const std::vector<RankIdentity> ranks = {usual(), usual(), odd};
  const std::vector<std::string> names = {"rank 0 (a)", "rank 1 (a)", "rank 2 (b)"};
  return disagreement(ranks, names);
}

TEST(Handshake, ranks_that_are_alike_may_begin) { EXPECT_EQ(said_of(usual()), ""); }

TEST(Handshake, names_the_rank_with_other_rows_and_its_file) {
  RankIdentity odd = usual();
  odd.run[1].second = "#7";
  EXPECT_EQ(said_of(odd),
            "rank 2 (b) has other rows than rank 0 in train.csv (other: the inputs); give all ranks the same "
            "files");
  odd = usual();
  odd.run[0].second = "239";
  EXPECT_EQ(said_of(odd),
            "rank 2 (b) has other rows than rank 0 in train.csv (other: the number of rows); give all ranks "
            "the same "
            "files");
}

TEST(Handshake, names_the_options_that_differ_and_both_values) {
  RankIdentity odd = usual();
  odd.run[4].second = "0.01";
  odd.run[3].second = "#9";
  EXPECT_EQ(said_of(odd),
            "rank 2 (b) differs from rank 0 in the network, --lr (0.01, not 0.002); give all ranks the same "
            "options");
}

TEST(Handshake, names_another_version_before_what_follows_from_it) {
  RankIdentity odd = usual();
  odd.version = "0.0.9";
  odd.run.pop_back();
  EXPECT_EQ(said_of(odd), "rank 2 (b) is ztilde 0.0.9, rank 0 is 0.1.0; install the same program everywhere");
}

TEST(Handshake, names_processors_of_another_kind) {
  RankIdentity odd = usual();
  odd.instructions = "AVX2";
  EXPECT_EQ(said_of(odd),
            "rank 2 (b) computes with AVX2, rank 0 with AVX-512; start all ranks on processors of one kind");
  EXPECT_NE(instruction_set(), "");
}

TEST(Handshake, a_rank_that_fails_is_named_before_what_differs) {
  RankIdentity odd;
  odd.failure = "train.csv:3:2: not a number";
  EXPECT_EQ(said_of(odd), "rank 2 (b): train.csv:3:2: not a number");
}

TEST(Handshake, what_fails_on_all_ranks_is_said_as_one_process_says_it) {
  RankIdentity fails = usual();
  fails.failure = "train.csv: no such file";
  const std::vector<RankIdentity> ranks(3, fails);
  const std::vector<std::string> names = {"a", "b", "c"};
  EXPECT_EQ(disagreement(ranks, names), "train.csv: no such file");
}

TEST(Handshake, failures_that_are_not_alike_name_the_first_and_count_the_others) {
  std::vector<RankIdentity> ranks(3, usual());
  ranks[1].failure = "one";
  ranks[2].failure = "two";
  const std::vector<std::string> names = {"a", "b", "c"};
  EXPECT_EQ(disagreement(ranks, names), "b: one (and 1 rank more)");
}

RC_GTEST_PROP(Handshake, any_identity_passes_through_its_text,
              (const RunIdentity& run, const std::string& failure)) {
  const RankIdentity identity{.version = "1", .run = run, .files = "a\nb", .failure = failure};
  RC_ASSERT(identity_from_text(to_text(identity)) == identity);
}

TEST(Handshake, no_text_that_was_cut_is_taken_for_an_identity_of_the_same_rank) {
  const std::string whole = to_text(usual());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    try {
      EXPECT_NE(identity_from_text(whole.substr(0, size)), usual());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
    }
  }
}

std::vector<std::string> verdicts(ThreadRanks& ranks, const std::vector<RankIdentity>& identities,
                                  const std::function<bool()>& enough) {
  std::vector<std::string> said(identities.size());
  std::vector<std::thread> threads;
  for (std::size_t rank = 0; rank < identities.size(); ++rank) {
    threads.emplace_back([&, rank] {
      const auto transport = ranks.transport(rank);
      try {
        const Verdict heard = verdict(*transport, identities[rank], enough);
        said[rank] = (heard.all_heard ? "" : "missing: ") + heard.text;
      } catch (const Error& error) {
        said[rank] = std::string("error: ") + error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return said;
}

const auto never = [] { return false; };

TEST(Handshake, every_rank_hears_the_same_verdict) {
  std::vector<RankIdentity> identities(4, usual());
  ThreadRanks alike(4);
  EXPECT_EQ(verdicts(alike, identities, never), std::vector<std::string>(4));
  identities[3].run[5].second = "128";
  ThreadRanks ranks(4);
  EXPECT_EQ(
      verdicts(ranks, identities, never),
      std::vector<std::string>(4,
                               "rank 3 (a thread) differs from rank 0 in --batch (128, not 64); give all "
                               "ranks the same options"));
}

TEST(Handshake, a_rank_that_is_silent_is_named_to_all_others_once_it_was_waited_for_long_enough) {
  ThreadRanks ranks(3);
  ranks.stop(1);
  // Rank 0 hears from the silent one last of all, and then has the verdict left to send.
  std::atomic<int> asks = 0;
  std::vector<Verdict> heard(3);
  std::vector<std::thread> threads;
  const auto silent = ranks.transport(1);
  for (const std::size_t rank : {std::size_t{0}, std::size_t{2}}) {
    threads.emplace_back([&, rank] {
      const auto transport = ranks.transport(rank);
      heard[rank] = verdict(*transport, usual(), [&] { return rank == 0 && ++asks == 50; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::size_t rank : {std::size_t{0}, std::size_t{2}}) {
    EXPECT_FALSE(heard[rank].all_heard);
    EXPECT_EQ(heard[rank].text,
              "rank 1 (a thread) does not answer; see whether it runs and can be reached, then start anew");
  }
}

TEST(Handshake, a_rank_that_is_gone_is_named_without_waiting) {
  ThreadRanks ranks(2);
  ranks.vanish(1);
  const auto zero = ranks.transport(0);
  const Verdict heard = verdict(*zero, usual(), never);
  EXPECT_EQ(heard.text, "rank 1 (a thread) is no longer there");
  EXPECT_FALSE(heard.all_heard);
}

}  // namespace
}  // namespace ztilde
