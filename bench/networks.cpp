#include "networks.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "ztilde/error.hpp"

namespace ztilde::bench {
namespace {

// "512,512" or "100x20".
std::vector<std::size_t> parse_hidden(const std::string& text) {
  std::vector<std::size_t> hidden;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t cross = part.find('x');
    const std::size_t count = cross == std::string::npos ? 1 : std::stoul(part.substr(cross + 1));
    hidden.insert(hidden.end(), count, std::stoul(part));
  }
  return hidden;
}

// "784" or "28x28x1".
Shape parse_input(const std::string& text) {
  std::vector<std::size_t> sizes;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, 'x');) sizes.push_back(std::stoul(part));
  if (sizes.size() == 1) return {1, 1, sizes[0]};
  if (sizes.size() != 3) throw std::invalid_argument(text);
  return {sizes[0], sizes[1], sizes[2]};
}

Network from_file(const BenchNetwork& network) {
  const std::string path = std::string(ZTILDE_BENCH_DIR "/../networks/") + network.file;
  std::ifstream file(path);
  if (!file) throw Error(ErrorKind::io, path + ": cannot be read");
  std::ostringstream text;
  text << file.rdbuf();
  return network_from_template(text.str(), path, {.input = network.image, .outputs = network.outputs});
}

// Biases where a batch norm was, and what went back to one goes back to what entered it.
Network without_batch_norm(Network network) {
  std::vector<Layer> kept;
  std::vector<std::size_t> place;  // among those kept, by layer: its own, or that of the one before
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    Layer layer = network.layers[i];
    if (std::holds_alternative<BatchNorm>(layer) && i > 0) {
      if (auto* dense = std::get_if<Dense>(&kept.back())) dense->bias = true;
      if (auto* conv = std::get_if<Conv2d>(&kept.back())) conv->bias = true;
    } else {
      if (auto* add = std::get_if<Add>(&layer)) add->back = kept.size() - place[i - add->back];
      if (auto* shortcut = std::get_if<Shortcut>(&layer)) {
        shortcut->back = kept.size() - place[i - shortcut->back];
      }
      kept.push_back(layer);
    }
    place.push_back(kept.size() - 1);
  }
  network.layers = std::move(kept);
  return network;
}

}  // namespace

BenchNetwork parse_network(std::string_view line) try {
  std::istringstream words{std::string(line)};
  BenchNetwork network;
  std::string input, hidden, activation, task;
  words >> network.name >> input >> hidden >> network.outputs >> activation >> network.batch >> task;
  if (words.fail() || (task != "classify" && task != "regress")) {
    throw Error(ErrorKind::data, "not a network of the list: " + std::string(line));
  }
  network.image = parse_input(input);
  network.inputs = network.image.size();
  if (hidden.ends_with(".json")) {
    network.file = hidden;
  } else {
    network.hidden = parse_hidden(hidden);
  }
  network.activation = activation_from_string(activation);
  network.task = task == "classify" ? Task::classify : Task::regress;
  return network;
} catch (const std::logic_error&) {
  throw Error(ErrorKind::data, "not numbers, in: " + std::string(line));
}

std::vector<BenchNetwork> read_networks(const std::string& path, const std::vector<std::string>& names) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorKind::io, path + ": cannot be read");
  std::vector<BenchNetwork> networks;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    BenchNetwork network = parse_network(line);
    const bool wanted = names.empty() || std::ranges::find(names, network.name) != names.end();
    if (wanted) networks.push_back(std::move(network));
  }
  if (networks.empty() || (!names.empty() && networks.size() != names.size())) {
    throw Error(ErrorKind::data, path + ": does not have the networks asked for");
  }
  return networks;
}

std::vector<std::size_t> widths(const BenchNetwork& network) {
  std::vector<std::size_t> all = {network.inputs};
  all.insert(all.end(), network.hidden.begin(), network.hidden.end());
  all.push_back(network.outputs);
  return all;
}

double step_operations(const BenchNetwork& network) {
  const std::vector<std::size_t> all = widths(network);
  double operations = 0;
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    operations += (i == 0 ? 4.0 : 6.0) * static_cast<double>(all[i]) * static_cast<double>(all[i + 1]);
  }
  return operations;
}

Network layers_of(const BenchNetwork& network, bool batch_norm) {
  if (!network.file.empty()) return batch_norm ? from_file(network) : without_batch_norm(from_file(network));
  return dense_network({.inputs = network.inputs,
                        .outputs = network.outputs,
                        .hidden = network.hidden,
                        .activation = network.activation,
                        .batch_norm = batch_norm});
}

}  // namespace ztilde::bench
