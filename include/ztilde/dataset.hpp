// Labelled or unlabelled rows in memory, and the readers that make them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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
  std::vector<float> weights;  // empty: all 1

  // Columns asked for with CsvOptions::keep, as text: kept[i][row] belongs to kept_names[i].
  std::vector<std::string> kept_names;
  std::vector<std::vector<std::string>> kept;

  // What the reader decided, in plain words, one sentence each ("task: classify, because …").
  std::vector<std::string> notes;

  bool is_bytes() const { return !bytes.empty(); }
};

// An IDX file of unsigned bytes [rows, …] and, unless the path is empty, one of labels [rows].
// Both may be gzip files. The classes are "0" … "largest label". Throws Error for what is not
// such a file, promises more or less than it holds, or has another number of labels than rows.
Dataset read_idx(const std::string& images_path, const std::string& labels_path);

struct CsvOptions {
  enum class Target { required, if_present, ignored };
  Target target_use = Target::required;
  std::string target;                // name or 1-based number; empty: the last column
  std::optional<Task> task;          // empty: decided from the target's texts, and said in notes
  std::vector<std::string> columns;  // the inputs, in this order; empty: every column but the target
  std::vector<std::string> classes;  // not empty: these and no others, by index
  std::vector<std::string> keep;     // columns to keep as text in Dataset::kept
};

// A table with a header: comma-, tab- or semicolon-separated (the header says which), quoted
// fields as in RFC 4180, gzip or plain, "-" for standard input. Input columns hold finite numbers.
Dataset read_csv(const std::string& path, const CsvOptions& options);

// The row numbers held out for validation and those left for training; stratified for classes.
// Every class keeps at least one training row. Throws Error(data) when either would be empty.
struct Split {
  std::vector<std::uint32_t> train, valid;
};
Split split_rows(const Dataset& data, double valid_fraction, std::uint64_t seed);

}  // namespace ztilde
