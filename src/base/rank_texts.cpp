#include "base/rank_texts.hpp"

#include <chrono>
#include <span>
#include <thread>

#include "ztilde/error.hpp"

namespace ztilde {

void RankTexts::until_done(Transport::Ticket ticket, std::size_t rank) const {
  while (!transport_.done(ticket)) {
    if (waited_enough_()) {
      throw Error(ErrorKind::io,
                  transport_.name(rank) +
                      " does not answer; see whether it runs and can be reached, then start anew");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void RankTexts::send(std::size_t to, const std::string& text) const {
  const std::uint64_t size = text.size();
  const auto first = transport_.send(to, tag_, std::as_bytes(std::span(&size, 1)));
  const auto second = transport_.send(to, tag_ + 1, std::as_bytes(std::span(text)));
  until_done(first, to);
  until_done(second, to);
}

std::string RankTexts::receive(std::size_t from) const {
  std::uint64_t size = 0;
  until_done(transport_.receive(from, tag_, std::as_writable_bytes(std::span(&size, 1))), from);
  if (size > largest_)
    throw Error(ErrorKind::data, transport_.name(from) + " is another program; start the same on all");
  std::string text(size, '\0');
  until_done(transport_.receive(from, tag_ + 1, std::as_writable_bytes(std::span(text))), from);
  return text;
}

}  // namespace ztilde
