// Whether raw numbers are such as a network takes: finite, or missing where its Encode layer fills them
// in, or the index of a category. Throws Error(data) naming the first that is not.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/network.hpp"

namespace ztilde {

// A network without layers takes finite numbers.
void require_inputs(const Dataset& data, const Network& network);

// rows: [rows, encode.columns], row-major.
void require_inputs(std::span<const float> rows, const Encode& encode);

// The same of inputs in data.store, which is trusted but for missing numbers.
void require_stored_inputs(const Dataset& data, const Network& network);

// By column: how many numbers are missing. Of a store that may miss some, by reading all of it.
std::vector<std::size_t> missing_numbers(const Dataset& data);

}  // namespace ztilde
