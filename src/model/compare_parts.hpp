// The parts of a comparison of two models: what each file compare_*.cpp finds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/certify.hpp"
#include "ztilde/compare.hpp"

namespace ztilde {

// A layer of one network and the one of the other that it is compared with.
struct LayerPair {
  std::size_t a = 0, b = 0;
};

// What the layers of two models have to do with each other.
struct Aligned {
  Alignment how = Alignment::same;
  std::string words;              // "" where all layers are alike
  std::optional<Model> folded_a;  // takes a's place in the comparison of numbers; or folded_b b's
  std::optional<Model> folded_b;
  std::vector<LayerPair> pairs;  // of the models whose numbers are compared

  // Layers whose outputs can be compared: b's are map(a's), or a's map(b's) where a is folded.
  struct Values {
    LayerPair layers;  // of a and b as they are
    ChannelMap map;    // empty: the same
  };
  std::vector<Values> values;
};
Aligned align(const Model& a, const Model& b);

// Which input and which class of b is which of a, by name where both have names.
struct InputMatch {
  std::string refusal;               // why the same rows cannot be given to both; "" where they can
  std::vector<std::size_t> columns;  // by column of b: a's
  std::vector<std::string> notes;
};
InputMatch match_inputs(const Model& a, const Model& b);
struct ClassMatch {
  std::string refusal;
  std::vector<std::size_t> classes;  // by class of b: a's
  std::vector<std::string> notes;
};
ClassMatch match_classes(const Model& a, const Model& b);

std::vector<ConventionDifference> compare_conventions(const Model& a, const Model& b, const Aligned& aligned);

// Sets tensors, statistics and the counts of those that are equal.
void compare_numbers(const Model& a, const Model& b, const std::vector<LayerPair>& pairs,
                     ModelComparison& comparison);

// Sets outputs or no_outputs.
void compare_outputs(const Model& a, const Model& b, const Aligned& aligned, const Dataset& data,
                     const CompareOptions& options, ModelComparison& comparison);

}  // namespace ztilde
