// A network as JSON; one that is taken is the same after being written and read again.
#include "fuzz.hpp"
#include "ztilde/network.hpp"

using namespace ztilde;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Network network;
  if (fuzz::taken([&] { network = network_from_json(fuzz::text_of(data, size), "net.json"); })) {
    fuzz::require(network_from_json(to_json(network), "again") == network);
  }
  return 0;
}
