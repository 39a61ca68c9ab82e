#include "cli/network_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/files.hpp"
#include "base/text.hpp"
#include "training/prepare.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

namespace fs = std::filesystem;

fs::path network_folder() {
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  return program.parent_path().parent_path() / "share" / "ztilde" / "networks";
}

std::string path_of(const std::string& name) { return (network_folder() / (name + ".json")).string(); }

// Whether the file leaves it to NAME:DEPTH.
bool asks_depth(const std::string& text) { return text.find("\"depth\"") != text.npos; }

std::size_t depth_of(const std::string& given, std::string_view digits) {
  std::size_t depth = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), depth);
  if (problem != std::errc() || end != digits.data() + digits.size() || depth == 0 || depth > 10'000) {
    throw Error(ErrorKind::data,
                fmt::format("--net {}: the depth must be a whole number from 1 to 10,000", printable(given)));
  }
  return depth;
}

}  // namespace

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator(network_folder(), problem)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> shown_network_names() {
  std::vector<std::string> names = network_names();
  for (std::string& name : names) {
    if (asks_depth(read_file(path_of(name)))) name += ":DEPTH";
  }
  return names;
}

bool is_network_name(const std::string& given) {
  return std::ranges::count(network_names(), given.substr(0, given.find(':'))) > 0;
}

NetworkFile read_network_file(const std::string& given) {
  const std::size_t colon = given.find(':');
  const std::string name = given.substr(0, colon);
  if (!is_network_name(given)) {
    std::error_code problem;
    if (fs::exists(given, problem) || name.find('/') != name.npos || name.ends_with(".json"))
      return {read_file(given), given, {}};
    throw Error(ErrorKind::data,
                fmt::format("--net {}: no such file, and no network of this name{}; known are "
                            "{}; or give a JSON file",
                            printable(given), did_you_mean(name, network_names()),
                            fmt::join(shown_network_names(), ", ")));
  }
  NetworkFile file{read_file(path_of(name)), name, {}};
  const bool asks = asks_depth(file.text);
  if (asks && colon == given.npos) {
    throw Error(ErrorKind::data,
                fmt::format("--net {0}: how deep is missing; give --net {0}:8, or another depth", name));
  }
  if (!asks && colon != given.npos) {
    throw Error(ErrorKind::data, fmt::format("--net {}: {} has no depth to choose; leave out \"{}\"",
                                             printable(given), name, printable(given.substr(colon))));
  }
  if (asks) file.depth = depth_of(given, std::string_view(given).substr(colon + 1));
  return file;
}

Network network_for(const NetworkFile& file, const Dataset& data, const TrainOptions& options) {
  NetworkGaps gaps = network_gaps(data, options);
  gaps.depth = file.depth;
  return network_from_template(file.text, file.name, gaps);
}

}  // namespace ztilde::cli
