// Labelled or unlabelled rows in memory, and the readers that make them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ztilde {

enum class Task { classify, regress };

// rows × columns inputs, row-major without gaps: bytes (images) or floats, one of the two.
struct Dataset {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats;
  std::vector<std::string> column_names;  // empty for images

  // Empty when the rows have no target. A class is its index in `classes`.
  std::vector<float> targets;
  Task task = Task::classify;
  std::string target_name;
  std::vector<std::string> classes;

  // What the reader decided, in plain words, one sentence each ("task: classify, because …").
  std::vector<std::string> notes;

  bool is_bytes() const { return !bytes.empty(); }
};

}  // namespace ztilde
