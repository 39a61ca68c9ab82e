// What --net and inspect --network name: a file, or one of the networks that come with ztilde.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/network.hpp"
#include "ztilde/train.hpp"

namespace ztilde::cli {

struct NetworkFile {
  std::string text;                  // JSON
  std::string name;                  // for messages: the file
  std::optional<std::size_t> depth;  // of NAME:DEPTH
};

// given: NAME, NAME:DEPTH or the path of a file; a file that has such a name is ./NAME. Throws Error(data)
// that lists the names, Error(io) where the file cannot be read.
NetworkFile read_network_file(const std::string& given);

// The names, in order, from the data folder beside the program: ../share/ztilde/networks/NAME.json.
std::vector<std::string> network_names();
// As --net takes them: NAME:DEPTH where it asks for one.
std::vector<std::string> shown_network_names();
// Whether it is one of them, with a depth or without.
bool is_network_name(const std::string& given);

// The network for these rows. Throws Error(data) that begins with the file's name.
Network network_for(const NetworkFile& file, const Dataset& data, const TrainOptions& options);

}  // namespace ztilde::cli
