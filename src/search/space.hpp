// The space that is searched: ranges and lists as texts of options, and the points drawn from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "search/study_contents.hpp"

namespace ztilde::search {

// What the text of an option of `ztilde train` asks to search: empty where it is a plain value, and for every
// option that is none of a network or its training. Written
//   1e-4..1e-1:log   real, evenly by the logarithm       16..512   whole, for options that are (:log too)
//   0..0.5           real, evenly                        64,256,1024   one of these
//   64..512x1..4     for --hidden: 1 to 4 layers of one width from 64 to 512, evenly by its logarithm
//   64,64|128|none   for --hidden, where a comma is part of a value: one of these
// Throws Error(data): "--lr: what is wrong; write 1e-4..1e-1:log".
std::optional<Dimension> dimension_of(const std::string& option, const std::string& text);

// Whether a text of the option, as `ztilde train` takes it, is one that the dimension may give.
bool contains(const Dimension& dimension, const std::string& text);

// The texts of the dimensions for trial number `trial`: plan.first for trial 0 where it is set, else a point
// of a quasi-random sequence (sequence.hpp). Depends on the plan's seed, its dimensions and `trial` alone.
// Real values have 4 significant digits; parsing a text gives the very number that was meant.
OptionTexts options_of(const StudyPlan& plan, std::size_t trial);

// Of the training of a trial. Trial 0, the defaults', has the study's own: the same as `ztilde train --seed`.
std::uint64_t training_seed(const StudyPlan& plan, std::size_t trial);

// What a user gets who gives no range. `is_network`: --net or --from gives the network.
struct SpaceDefaults {
  double learning_rate = 0.002, weight_decay = 0.01;
  std::size_t batch = 256;
  bool is_network = false;
};
std::vector<Dimension> default_space(const SpaceDefaults& defaults);

// StudyPlan::first: of each dimension the standard text where it lies in the space, else, of one option
// alone, what point 0 of the sequence has there. `standards`: texts of options as train has them by itself.
OptionTexts first_options(const StudyPlan& plan, const OptionTexts& standards);

}  // namespace ztilde::search
