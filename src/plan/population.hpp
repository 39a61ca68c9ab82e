// Population statistics: those of one batch made of all rows, with the weights as they are and
// nothing dropped out. Exact: the blocks' counts, means and squared distances are pooled.
#pragma once

#include <optional>
#include <span>

#include "base/team.hpp"
#include "plan/batch_forward.hpp"

namespace ztilde {

// Writes the mean and variance of every BatchNorm layer over the batch's rows into the statistics
// arena, and sets their counts in `batches` to 1; Standardise's are read and stay. Memory: two
// stages' z for all rows; of images, and of rows that are not all in memory, a few blocks, as every batch
// norm is measured in a pass of its own over the stages below. Returns the fault where NaN or infinity was
// met; nothing is written then. ranks: processes that measure the same rows; of passes each makes a part.
// Throws Error(io) where one does not answer.
std::optional<Fault> measure_population(const Network& network, const float* parameters,
                                        const Batch& all_rows, Team& team, std::span<double> statistics,
                                        std::span<std::uint64_t> batches, Exchange* ranks = nullptr);

// The mean and variance of each of the first `columns` raw columns or encoded features over the batch's
// rows, as Standardise wants them: variance 1 where one is constant. Returns the constant ones.
std::vector<std::size_t> measure_inputs(const Batch& all_rows, std::size_t columns, Team& team,
                                        std::span<double> mean, std::span<double> variance,
                                        const Encoder& encoder = {});

// The same of images: of each channel over all pixels of all rows. Returns the constant channels.
std::vector<std::size_t> measure_image_inputs(const Batch& all_rows, const Shape& shape, Team& team,
                                              std::span<double> mean, std::span<double> variance);

}  // namespace ztilde
