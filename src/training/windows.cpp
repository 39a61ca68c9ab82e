#include "training/windows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "base/text.hpp"
#include "data/on_disk.hpp"
#include "plan/rows_copy.hpp"
#include "training/memory_needed.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kPassRows = 4096;                         // as ImageStatistics takes them
constexpr std::size_t kProgram = std::size_t{32} << 20;         // code, libraries, what they keep
constexpr std::size_t kRowNumbers = 2 * sizeof(std::uint32_t);  // its own and that in the epoch's order

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::data, message); }

bool has_knots(const Network& network) {
  const auto* encode = std::get_if<Encode>(&network.layers.front());
  return encode && std::ranges::any_of(encode->columns, [](const EncodedColumn& c) { return c.knots > 0; });
}

// What scoring keeps of every held-out row: its answer, its scores, and its place in each class's curve.
double scoring_bytes(const Dataset& data, const Dataset* valid, const TrainOptions& options) {
  const double rows =
      valid ? static_cast<double>(valid->rows) : options.valid_fraction * static_cast<double>(data.rows);
  const double classes = data.task == Task::classify ? static_cast<double>(data.classes.size()) : 0;
  return rows * (classes > 0 ? 60 + sizeof(float) * classes : 0);
}

}  // namespace

bool stays_on_disk(const Dataset& data, const TrainOptions& options) {
  return data.store && options.memory > 0 && input_bytes(data) > options.memory / 2;
}

WindowOrder window_order(const Dataset& data, const TrainOptions& options) {
  return {data.store->block_rows(), std::max<std::size_t>(1, options.memory / 4 / block_bytes(data))};
}

std::size_t window_rows(const Dataset& data, const TrainOptions& options) {
  const WindowOrder order = window_order(data, options);
  return std::min(data.rows, order.window_blocks * order.block_rows);
}

std::size_t window_bytes(const Dataset& data, const TrainOptions& options) {
  return 2 * window_order(data, options).window_blocks * block_bytes(data);
}

std::size_t rows_of_a_pass(const Dataset& data, std::size_t rows, const TrainOptions& options) {
  return stays_on_disk(data, options) ? std::min(rows, kPassRows) : rows;
}

void require_disk_training(const Network& network, const Dataset& data, const Dataset* valid,
                           const TrainOptions& options) {
  if (options.transport)
    refuse("ranks cannot train from disk; leave out --memory, so that the rows are read into memory");
  if (has_knots(network) && !options.from)
    refuse(
        "quantiles need all numbers of a column at once, and the rows stay on disk; give --memory more than "
        "twice their size, or another --standardise");
  if (window_rows(data, options) < std::min(options.batch, data.rows)) {
    refuse(fmt::format(
        "--memory {} holds windows of {}, fewer than a batch of {}; give more, or a smaller "
        "--batch",
        shown_bytes(options.memory), counted(window_rows(data, options), "row"), with_commas(options.batch)));
  }
  const bool validates = valid || options.valid_fraction > 0;
  const std::size_t at_once = std::min(data.rows, std::max(options.batch, kPassRows));
  const double beside = memory_needed(network, at_once, validates, options) +
                        static_cast<double>(memory_of(data) + (valid ? memory_of(*valid) : 0) + kProgram +
                                            kMostCopiedBytes + kRowNumbers * data.rows) +
                        scoring_bytes(data, valid, options);
  const double windows = static_cast<double>(window_bytes(data, options));
  if (beside + windows <= static_cast<double>(options.memory)) return;
  refuse(
      fmt::format("training takes {} beside {} for two windows of rows, and --memory is {}; give more, or "
                  "use narrower layers or a smaller --batch",
                  shown_bytes(static_cast<std::uint64_t>(beside)), shown_bytes(window_bytes(data, options)),
                  shown_bytes(options.memory)));
}

}  // namespace ztilde
