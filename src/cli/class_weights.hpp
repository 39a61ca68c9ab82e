// --class-weights: how often a row counts in training's loss, by its class.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ztilde/train.hpp"

namespace ztilde::cli {

// "none", "balanced", "yes=3,no=1", or else the name of a file, which goes to `file` to be read later.
void parse_class_weights(std::string_view label, const std::string& text, ClassWeights& weights,
                         std::string& file);

// The weights in a JSON file, {"yes": 3, "no": 1}. Throws Error.
ClassWeights read_class_weights(const std::string& path);

// "no=0.625,yes=2.5": what each class counts for, as it came out; with all digits or with four.
std::string class_weights_text(const std::vector<std::string>& classes, const std::vector<double>& weights,
                               bool rounded);

// How many training rows each class has, and what they count for; "" where they are even and all count once.
std::string class_balance_words(const std::vector<std::string>& classes, const TrainPlanSummary& plan);

}  // namespace ztilde::cli
