#include "lab/data.hpp"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "data/rows_of.hpp"
#include "ztilde/error.hpp"

namespace ztilde::lab {
namespace {

constexpr std::size_t kFewestRows = 100;

// std::shuffle may differ from one standard library to the next.
void shuffle(std::vector<std::uint32_t>& rows, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[random() % i]);
}

Dataset shuffled(const Dataset& data, std::uint64_t seed) {
  std::vector<std::uint32_t> rows(data.rows);
  std::iota(rows.begin(), rows.end(), 0u);
  shuffle(rows, seed);
  return rows_of(data, rows);
}

// Cuts rows off for `rest`; stratified, and in a random order.
void split(const Dataset& data, double fraction, std::uint64_t seed, Dataset& most, Dataset& rest) {
  Split parts = split_rows(data, fraction, seed);
  shuffle(parts.train, seed + 1);
  shuffle(parts.valid, seed + 2);
  Dataset first = rows_of(data, parts.train);
  rest = rows_of(data, parts.valid);
  most = std::move(first);
}

}  // namespace

Dataset first_rows(const Dataset& data, std::size_t rows) {
  std::vector<std::uint32_t> first(std::min(rows, data.rows));
  std::iota(first.begin(), first.end(), 0u);
  return rows_of(data, first);
}

Data fashion_mnist(std::uint64_t seed, const std::string& folder) {
  if (!std::filesystem::is_directory(folder)) {
    throw Error(ErrorKind::io, folder +
                                   ": the lab's images are not there; install Debian's package "
                                   "dataset-fashion-mnist, or give rows of your own with --data");
  }
  Data data;
  data.name = "Fashion-MNIST";
  const auto read = [&](const std::string& part) {
    return read_idx(folder + "/" + part + "-images-idx3-ubyte.gz",
                    folder + "/" + part + "-labels-idx1-ubyte.gz");
  };
  split(read("train"), 1.0 / 6, seed, data.train, data.valid);
  data.test = shuffled(read("t10k"), seed);
  return data;
}

Data own_data(const Dataset& rows, const std::string& name, std::uint64_t seed) {
  if (rows.rows < kFewestRows) {
    throw Error(ErrorKind::data, name + ": " + std::to_string(rows.rows) +
                                     " rows are too few to compare anything; the lab wants at least " +
                                     std::to_string(kFewestRows));
  }
  Data data;
  data.name = name;
  data.own = true;
  Dataset most;
  split(rows, 0.2, seed, most, data.test);
  split(most, 0.25, seed, data.train, data.valid);
  return data;
}

}  // namespace ztilde::lab
