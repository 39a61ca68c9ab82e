// Texts between two ranks, each whole: its size, then its bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ztilde/transport.hpp"

namespace ztilde {

class RankTexts {
 public:
  // Uses `tag` and the next. waited_enough, asked while it waits: true ends that with Error(io) naming the
  // rank. largest: a longer text is none of ours.
  RankTexts(Transport& transport, int tag, std::uint64_t largest, std::function<bool()> waited_enough)
      : transport_(transport), tag_(tag), largest_(largest), waited_enough_(std::move(waited_enough)) {}

  void send(std::size_t to, const std::string& text) const;
  // Throws Error(data) where what comes is no such text.
  std::string receive(std::size_t from) const;

 private:
  void until_done(Transport::Ticket ticket, std::size_t rank) const;

  Transport& transport_;
  int tag_;
  std::uint64_t largest_;
  std::function<bool()> waited_enough_;
};

}  // namespace ztilde
