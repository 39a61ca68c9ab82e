// A network as JSON; one that is taken is the same after being written and read again. Each text is also read
// as one that leaves to a table, and to images, what only they know.
#include "fuzz.hpp"
#include "ztilde/network.hpp"

using namespace ztilde;

namespace {

void require_same_again(const Network& network) {
  fuzz::require(network_from_json(to_json(network), "again") == network);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  Network network;
  if (fuzz::taken([&] { network = network_from_json(text, "net.json"); })) require_same_again(network);

  NetworkGaps table{.input = {1, 1, 4}, .outputs = 1, .more_outputs = 2},
      images{.input = {8, 8, 1}, .outputs = 3};
  table.encode = Encode{std::vector<EncodedColumn>(4)};
  if (text.find("depth") != text.npos) images.depth = 2;  // of no use elsewhere, and so refused
  for (const NetworkGaps& gaps : {table, images}) {
    if (!fuzz::taken([&] { network = network_from_template(text, "net.json", gaps); })) continue;
    require_same_again(network);
    const std::size_t outputs = layer_outputs(network).back();
    fuzz::require(network.inputs == gaps.input.size() &&
                  (outputs == gaps.outputs || outputs == gaps.more_outputs));
  }
  return 0;
}
