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

}  // namespace

BenchNetwork parse_network(std::string_view line) try {
  std::istringstream words{std::string(line)};
  BenchNetwork network;
  std::string hidden, activation, task;
  words >> network.name >> network.inputs >> hidden >> network.outputs >> activation >> network.batch >> task;
  if (words.fail() || (task != "classify" && task != "regress")) {
    throw Error(ErrorKind::data, "not a network of the list: " + std::string(line));
  }
  network.hidden = parse_hidden(hidden);
  network.activation = activation_from_string(activation);
  network.task = task == "classify" ? Task::classify : Task::regress;
  return network;
} catch (const std::logic_error&) {
  throw Error(ErrorKind::data, "not hidden widths, in: " + std::string(line));
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
  return dense_network({.inputs = network.inputs,
                        .outputs = network.outputs,
                        .hidden = network.hidden,
                        .activation = network.activation,
                        .batch_norm = batch_norm});
}

}  // namespace ztilde::bench
