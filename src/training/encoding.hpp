// The Encode layer of a table: which one fits, what it takes from the training rows, and the slot of
// categories that no training row had.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/team.hpp"
#include "plan/batch.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/network.hpp"

namespace ztilde {

struct EncodeOptions {
  MissingUse missing = MissingUse::refuse;
  bool quantile = false;          // numbers through their quantiles
  std::size_t one_hot_most = 16;  // categories; above, a trained table
};

// missing[c]: whether any row misses a number in column c; only such columns get an indicator, as its
// weights would not be trained elsewhere. Nothing where the raw numbers will do as they are.
std::optional<Encode> encode_for(std::span<const Column> columns, const std::vector<bool>& missing,
                                 const EncodeOptions& options);
// How wide a table of so many categories is: 1.6 · categories^0.56 (fast.ai's rule of thumb), at most 50.
std::size_t embedding_width(std::size_t categories);

// Measures what encoding_slots(network) holds over the batch's rows, each counting by its weight, into
// the statistics arena. Returns the columns without a single known number; they become 0.
std::vector<std::size_t> measure_encoding(const Network& network, const Batch& all_rows, Team& team,
                                          std::span<double> statistics);

// Gives each table's last row the mean of the others by their frequency, where no training row had an
// unseen category to train it. Before whatever looks at the outputs.
void average_unseen(const Network& network, std::span<const double> statistics, std::span<float> parameters);

}  // namespace ztilde
