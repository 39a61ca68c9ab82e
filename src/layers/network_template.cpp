// A network from a file that leaves to the data what only they know.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "layers/json_reading.hpp"
#include "layers/layer.hpp"
#include "ztilde/network.hpp"

namespace ztilde {
namespace {

using layers::json;
using layers::refuse;

// Far above any use; so that repetitions end.
constexpr std::size_t kMostLayers = 10'000;

std::string place_of_layer(const std::string& place, std::size_t index) {
  return fmt::format("{}: layer {}", place, index);
}

bool repeats(const json& element) { return element.is_object() && element.contains("repeat"); }

std::size_t times_of(const json& repeat, const std::optional<std::size_t>& depth, const std::string& place) {
  const layers::Limits limits{.least = 1, .most = kMostLayers};
  if (repeat.is_number_unsigned() && limits.allow(repeat.get<double>())) return repeat.get<std::size_t>();
  if (repeat != "depth")
    layers::refuse_value(place, "repeat", repeat, layers::must_be(limits, true) + ", or \"depth\"");
  if (!depth) {
    refuse(fmt::format(
        "{}: it repeats \"depth\" times, and no depth is given; give one after the name, as in resmlp:6",
        place));
  }
  if (!limits.allow(static_cast<double>(*depth)))
    refuse(fmt::format("{}: the depth is {}; {}", place, *depth, layers::must_be(limits, true)));
  return *depth;
}

// What {"repeat": …, "layers": […]} repeats.
const json& repeated_layers(const json& element, const std::string& place) {
  layers::refuse_unknown_keys(element, {"repeat", "layers"}, place);
  const auto list = element.find("layers");
  const std::string must_be = "it must be a list of the layers to repeat";
  if (list == element.end()) refuse(fmt::format("{}: \"layers\" is missing; {}", place, must_be));
  if (!list->is_array()) layers::refuse_value(place, "layers", *list, must_be);
  if (list->empty()) refuse(fmt::format("{}: it repeats no layers; give it one or more", place));
  if (std::any_of(list->begin(), list->end(), repeats))
    refuse(fmt::format("{}: one repeat is inside another; write one of them out", place));
  return *list;
}

// The layers of a file as they stand there, with repetitions written out.
std::vector<const json*> written_out(const json& elements, const std::optional<std::size_t>& depth,
                                     const std::string& place) {
  std::vector<const json*> written;
  const auto add = [&](const json& layer) {
    if (written.size() == kMostLayers) {
      refuse(fmt::format("{}: it has more than {} layers; repeat them less often", place,
                         with_commas(kMostLayers)));
    }
    written.push_back(&layer);
  };
  bool uses_depth = false;
  for (const json& element : elements) {
    if (!repeats(element)) {
      add(element);
      continue;
    }
    const std::string here = place_of_layer(place, written.size());
    const json& list = repeated_layers(element, here);
    const std::size_t times = times_of(element["repeat"], depth, here);
    uses_depth = uses_depth || element["repeat"].is_string();
    for (std::size_t time = 0; time < times; ++time) std::for_each(list.begin(), list.end(), add);
  }
  if (depth && !uses_depth) {
    refuse(
        fmt::format("{}: a depth of {} is given, and the file repeats nothing \"depth\" times; leave it out",
                    place, *depth));
  }
  return written;
}

bool is_of(const json& layer, std::string_view name) {
  if (!layer.is_object()) return false;
  const auto found = layer.find("layer");
  return found != layer.end() && found->is_string() && found->get_ref<const std::string&>() == name;
}

std::string pixels_text(const Shape& shape) {
  return fmt::format("{} × {} pixels", shape.height, shape.width);
}

// What the file says of the input must be so in the data; what it leaves out comes from them.
void fill_input(const json& root, const Shape& data, const std::string& place, Network& network) {
  layers::read_input(root, network, place);
  const bool has_inputs = root.contains("inputs"), has_height = root.contains("height");
  if (has_inputs && network.inputs != data.size()) {
    refuse(fmt::format("{}: the network takes {}, the data have {}; leave \"inputs\" out, or set it to {}",
                       place, counted(network.inputs, "input"), with_commas(data.size()), data.size()));
  }
  network.inputs = data.size();
  if (has_height) {
    // The columns of a table may well be the pixels of images: the file says of which.
    const Shape given{network.height, network.width, data.channels};
    if (data.pixels() == 1 || given == data) return;
    refuse(
        fmt::format("{}: the network takes images of {}, those of the data have {}; leave \"height\" and "
                    "\"width\" out",
                    place, pixels_text(given), pixels_text(data)));
  }
  // "inputs" alone are the numbers of a row, whatever image they make: as in a complete file.
  if (has_inputs) return;
  network.height = data.height;
  network.width = data.width;
}

void require_outputs(const Network& network, const NetworkGaps& gaps, bool is_dense,
                     const std::string& place) {
  const std::size_t given = layer_outputs(network).back();
  if (given == gaps.outputs || (gaps.more_outputs > 0 && given == gaps.more_outputs)) return;
  refuse(fmt::format("{}: the network ends with {}, the data need {}; {}", place, counted(given, "output"),
                     with_commas(gaps.outputs),
                     is_dense ? "leave the \"outputs\" of its last dense layer out"
                              : "end it with a dense layer without \"outputs\""));
}

}  // namespace

Network network_from_template(std::string_view text, std::string_view file_name, const NetworkGaps& gaps) {
  const json root = layers::parse_json(text, file_name);
  const std::string place(file_name);
  layers::require_network_object(root, place);
  Network network;
  fill_input(root, gaps.input, place, network);

  const std::vector<const json*> written = written_out(root["layers"], gaps.depth, place);
  const auto is_dense = [](const json* layer) { return is_of(*layer, "dense"); };
  const auto last_dense = std::find_if(written.rbegin(), written.rend(), is_dense);
  const bool has_encode = !written.empty() && is_of(*written.front(), "encode");
  if (gaps.encode && !has_encode && !root.contains("inputs")) network.layers.push_back(*gaps.encode);
  for (auto layer = written.begin(); layer != written.end(); ++layer) {
    json complete = **layer;
    const bool is_last_dense = last_dense != written.rend() && layer + 1 == last_dense.base();
    if (is_last_dense && !complete.contains("outputs")) complete["outputs"] = gaps.outputs;
    const auto index = static_cast<std::size_t>(layer - written.begin());
    network.layers.push_back(layers::read_layer(complete, place_of_layer(place, index)));
  }
  layers::validate_file(network, place);
  require_outputs(network, gaps, last_dense != written.rend(), place);
  return network;
}

}  // namespace ztilde
