// The networks of bench/shapes/networks.txt and image_networks.txt, which benchmarks read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/network.hpp"

namespace ztilde::bench {

struct BenchNetwork {
  std::string name;
  std::size_t inputs = 0;
  Shape image;       // of a row of images, "28x28x1" in the list
  std::string file;  // of networks/: the layers, instead of hidden widths and their activation
  std::vector<std::size_t> hidden;
  std::size_t outputs = 0;
  ActivationKind activation = ActivationKind::relu;
  std::size_t batch = 0;
  Task task = Task::classify;
};

// One line of the list. Throws Error(data) for what is not one.
BenchNetwork parse_network(std::string_view line);

// Those whose names are asked for, in the order of the file; all where none is.
std::vector<BenchNetwork> read_networks(const std::string& path, const std::vector<std::string>& names = {});

// inputs, hidden widths, outputs. Of dense networks, as the next.
std::vector<std::size_t> widths(const BenchNetwork& network);

// Operations of the matrix products of a training step, for each row: forward, gradient of the
// weight and, except in the first layer, of the input.
double step_operations(const BenchNetwork& network);

// Without batch norm each layer has a bias instead.
Network layers_of(const BenchNetwork& network, bool batch_norm);

}  // namespace ztilde::bench
