// What a run starts from and what it leaves as it was: another model, and frozen tensors.
#pragma once

#include <span>
#include <vector>

#include "model/objective.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

// By parameter slot, whether it is frozen. Throws Error(data) for a layer that is not there or has no
// parameters, and where nothing would be left to train.
std::vector<bool> frozen_slots(const Network& network, const Freeze& freeze);

// Throws Error(data) unless these are labelled rows of exactly the model's columns, categories and classes.
void require_same_kind(const Model& model, const Dataset& data);

// The last layer, whose outputs are in the target's own units, in those that the objective trains in: what
// fold_target undoes, but for roundings.
void unfold_target(const Network& network, const Objective& objective, std::span<float> parameters);

// The frozen tensors of an arena, one after another.
std::vector<float> frozen_numbers(const Network& network, const std::vector<bool>& frozen,
                                  std::span<const float> parameters);

// Throws Error(diverged) naming a frozen tensor of the arena `end` whose bits are not those that it started
// with, of which `start` are the frozen_numbers.
void require_unchanged(const Network& network, const std::vector<bool>& frozen, std::span<const float> start,
                       std::span<const float> end);
// The same of the statistics of every BatchNorm; both are arenas.
void require_unchanged_statistics(const Network& network, std::span<const double> start,
                                  std::span<const double> end);

// Copies the frozen tensors of one arena into another.
void copy_frozen(const Network& network, const std::vector<bool>& frozen, std::span<const float> from,
                 std::span<float> to);

}  // namespace ztilde
