#include "training/handshake.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rank_texts.hpp"
#include "base/text.hpp"
#include "kernels/onednn_product.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr int kTag = 32'766;
constexpr std::size_t kMostNamed = 4;
constexpr std::uint64_t kLargestText = std::uint64_t{1} << 26;

// A field is its size, a line feed, and its bytes.
void add_field(std::string& text, std::string_view field) {
  text += fmt::format("{}\n", field.size());
  text += field;
}

std::string take_field(std::string_view& text) {
  std::size_t size = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), size);
  const std::size_t start = static_cast<std::size_t>(end - text.data()) + 1;
  if (problem != std::errc() || start > text.size() || *end != '\n' || size > text.size() - start)
    throw Error(ErrorKind::data, "what a rank says of itself cannot be read; start the same program on all");
  const std::string field(text.substr(start, size));
  text.remove_prefix(start + size);
  return field;
}

// The ways of a part of RunIdentity into a message.
bool is_of_rows(std::string_view name) {
  static const std::set<std::string_view> others = {"the network", "the starting model",
                                                    "the scale of --init"};
  return name.starts_with("the ") && !others.contains(name);
}

std::string differing_rows(const RunIdentity& own, const RunIdentity& first) {
  std::string text;
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (!is_of_rows(own[i].first) || own[i].second == first[i].second) continue;
    text += (text.empty() ? "" : ", ") + own[i].first;
  }
  return text;
}

std::string differing_options(const RunIdentity& own, const RunIdentity& first) {
  std::string text;
  std::size_t count = 0;
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto& [name, here] = own[i];
    const std::string& there = first[i].second;
    if (is_of_rows(name) || here == there || ++count > kMostNamed) continue;
    text += (text.empty() ? "" : ", ") + name;
    if (!here.starts_with('#') && !there.starts_with('#'))
      text += fmt::format(" ({}, not {})", printable(here), printable(there));
  }
  return count > kMostNamed ? fmt::format("{} and {} more", text, count - kMostNamed) : text;
}

bool same_parts(const RunIdentity& a, const RunIdentity& b) {
  return std::ranges::equal(a, b, {}, &RunIdentity::value_type::first, &RunIdentity::value_type::first);
}

std::string difference(const RankIdentity& own, const RankIdentity& first, const std::string& name) {
  if (own.version != first.version || !same_parts(own.run, first.run)) {
    return fmt::format("{} is ztilde {}, rank 0 is {}; install the same program everywhere", name,
                       printable(own.version), printable(first.version));
  }
  if (own.instructions != first.instructions) {
    return fmt::format("{} computes with {}, rank 0 with {}; start all ranks on processors of one kind", name,
                       printable(own.instructions), printable(first.instructions));
  }
  if (const std::string rows = differing_rows(own.run, first.run); !rows.empty()) {
    return fmt::format("{} has other rows than rank 0 in {} (other: {}); give all ranks the same files", name,
                       own.files, rows);
  }
  if (const std::string options = differing_options(own.run, first.run); !options.empty())
    return fmt::format("{} differs from rank 0 in {}; give all ranks the same options", name, options);
  return "";
}

std::string failure_of(std::span<const RankIdentity> ranks, std::span<const std::string> names) {
  const auto fails = [](const RankIdentity& rank) { return !rank.failure.empty(); };
  const auto first = std::ranges::find_if(ranks, fails);
  if (first == ranks.end()) return "";
  // What is wrong for all is no matter of ranks.
  const bool all =
      std::ranges::all_of(ranks, [&](const auto& rank) { return rank.failure == first->failure; });
  if (all) return first->failure;
  const std::string& name = names[static_cast<std::size_t>(first - ranks.begin())];
  const auto others = std::ranges::count_if(ranks, fails) - 1;
  return fmt::format("{}: {}{}", name, first->failure,
                     others == 0 ? "" : fmt::format(" (and {} more)", counted(others, "rank")));
}

}  // namespace

std::string instruction_set() { return kernels::instruction_set(); }

std::string to_text(const RankIdentity& identity) {
  std::string text;
  for (const std::string* field :
       {&identity.version, &identity.instructions, &identity.files, &identity.failure})
    add_field(text, *field);
  for (const auto& [name, value] : identity.run) {
    add_field(text, name);
    add_field(text, value);
  }
  return text;
}

RankIdentity identity_from_text(const std::string& given) {
  std::string_view text = given;
  RankIdentity identity;
  for (std::string* field : {&identity.version, &identity.instructions, &identity.files, &identity.failure})
    *field = take_field(text);
  while (!text.empty()) {
    std::string name = take_field(text);
    identity.run.emplace_back(std::move(name), take_field(text));
  }
  return identity;
}

std::string disagreement(std::span<const RankIdentity> ranks, std::span<const std::string> names) {
  if (const std::string failure = failure_of(ranks, names); !failure.empty()) return failure;
  for (std::size_t rank = 1; rank < ranks.size(); ++rank) {
    if (const std::string text = difference(ranks[rank], ranks[0], names[rank]); !text.empty()) return text;
  }
  return "";
}

Verdict verdict(Transport& transport, const RankIdentity& own, const std::function<bool()>& waited_enough) {
  const RankTexts texts(transport, kTag, kLargestText, waited_enough);
  if (transport.rank() != 0) {
    texts.send(0, to_text(own));
    const std::string said = texts.receive(0);
    return {said.substr(1), said[0] == '+'};
  }
  std::vector<RankIdentity> ranks = {own};
  std::vector<std::string> names = {transport.name(0)};
  std::vector<std::size_t> heard;
  Verdict verdict;
  for (std::size_t rank = 1; rank < transport.count(); ++rank) {
    try {
      ranks.push_back(identity_from_text(texts.receive(rank)));
      names.push_back(transport.name(rank));
      heard.push_back(rank);
    } catch (const Error& error) {
      if (verdict.all_heard) verdict.text = error.what();
      verdict.all_heard = false;
    }
  }
  if (verdict.all_heard) verdict.text = disagreement(ranks, names);
  for (const std::size_t rank : heard) texts.send(rank, (verdict.all_heard ? '+' : '-') + verdict.text);
  return verdict;
}

}  // namespace ztilde
