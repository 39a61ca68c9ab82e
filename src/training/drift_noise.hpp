// How much what a row adds to the mean and the variance of a column scatters: the noise that a distance is
// counted in.
#pragma once

#include <vector>

#include "model/drift_rows.hpp"
#include "plan/rows_copy.hpp"
#include "ztilde/drift_thresholds.hpp"

namespace ztilde {

struct ColumnNoise {
  DriftNoise mean, variance;
  bool constant = false;  // every row is at the stored mean
};

// By channel of layout.inputs, over these rows; of many some thousand are looked at, drawn by the seed.
// Heavy tails: as if a further row, as rare as any, lay twice as far out as the furthest, or where the
// stored variance asks for it further.
std::vector<ColumnNoise> column_noise(const Model& model, const DriftLayout& layout, const Batch& rows,
                                      std::uint64_t seed, Team& team);

// Some rows of a batch, and what is to live as long as they are used.
struct SomeRows {
  std::vector<std::uint32_t> index;
  RowsCopy copy;
  Batch batch;
};
// Gives `some` at most `most` of the rows, spread evenly, drawn by the seed.
void draw_rows(const Batch& rows, std::size_t most, std::uint64_t seed, SomeRows& some);

}  // namespace ztilde
