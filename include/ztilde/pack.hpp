// Packed files: a data set's rows on disk, checksummed, to be read block by block (docs/pack.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "ztilde/dataset.hpp"

namespace ztilde {

// shuffled: in an order that the seed and the number of rows decide alone.
enum class PackOrder { shuffled, kept };

constexpr std::size_t kLeastPackMemory = std::size_t{1} << 27;

struct PackOptions {
  PackOrder order = PackOrder::shuffled;
  std::uint64_t seed = 0;
  // Bytes for what packing holds at a time, from kLeastPackMemory; the file does not depend on it.
  std::size_t memory = std::size_t{1} << 30;
};

// What a packed file is, beside its rows.
struct PackInfo {
  Dataset frame;  // columns, classes, rules, notes, sizes; no inputs, targets and weights
  bool is_bytes = false, has_targets = false, has_weights = false;
  std::size_t block_rows = 0, blocks = 0;
  std::uint64_t file_bytes = 0;
  PackOrder order = PackOrder::kept;
  std::uint64_t seed = 0;
};

// Packs the table that read_csv would read, without holding its inputs in memory. `out` is replaced when
// all of it is on disk; temporaries, of up to twice its size, are in its folder and have no names.
// Throws what read_csv throws; Error(io) where the disk fails; Error(data) where options.memory is too small.
PackInfo pack_csv(const std::string& path, const CsvOptions& reading, const std::string& out,
                  const PackOptions& options);
// The same of rows in memory. Throws Error(data) for rows with columns kept as text or none at all.
PackInfo pack_rows(const Dataset& data, const std::string& out, const PackOptions& options);

// Whether a file begins as packed files do.
bool is_packed(const std::string& path);

// Reads the header alone. Like all below: Error(io) for what cannot be read, Error(data) for a damaged file,
// one of another version, or one that changes while it is read.
PackInfo describe_packed(const std::string& path);
// The rows with their inputs in Dataset::store; every block is checked when it is read.
Dataset open_packed(const std::string& path);
// All in memory: what the reader gave when the rows were packed, if their order was kept.
Dataset read_packed(const std::string& path);
// Reads and checks every byte.
PackInfo check_packed(const std::string& path);

}  // namespace ztilde
