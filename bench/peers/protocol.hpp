// How scripts/bench-peers talks to a peer: a line in, a line out (docs/benchmarks.md).
//   prepare NETWORK        a line of bench/shapes/networks.txt
//   train WARM STEPS       WARM steps untimed, then STEPS timed
//   predict ROWS WARM N    N predictions of the first ROWS rows
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>

namespace ztilde::bench {

struct Peer {
  std::string version;
  std::function<std::string(const std::string& network)> prepare;  // returns what to say of it
  std::function<void()> step;
  std::function<std::function<void()>(std::size_t rows)>
      predictor;  // made once for each number of rows asked
};

inline std::string timed(std::size_t warm, std::size_t times, const std::function<void()>& work) {
  for (std::size_t i = 0; i < warm; ++i) work();
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < times; ++i) work();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::ostringstream text;
  text.precision(9);
  text << "seconds " << seconds.count();
  return text.str();
}

inline std::string answer(const Peer& peer, const std::string& request) try {
  std::istringstream words(request);
  std::string verb;
  std::size_t rows = 0, warm = 0, times = 0;
  words >> verb;
  if (verb == "prepare") return "ok " + peer.prepare(request.substr(verb.size() + 1));
  if (verb == "train" && words >> warm >> times) return timed(warm, times, peer.step);
  if (verb == "predict" && words >> rows >> warm >> times) return timed(warm, times, peer.predictor(rows));
  return "error unknown request";
} catch (const std::exception& error) {
  return std::string("error ") + error.what();
}

inline void serve(const Peer& peer) {
  std::cout << "ready " << peer.version << std::endl;
  for (std::string request; std::getline(std::cin, request);) std::cout << answer(peer, request) << std::endl;
}

}  // namespace ztilde::bench
