// What is measured of a finished model for its report, by the library's public verbs alone.
#pragma once

#include "cli/train_options.hpp"
#include "report/page.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/train.hpp"

namespace ztilde::cli {

// Adds "scores" and, of classes, "confusion" and the most confused "pairs" with images where the rows are
// images; of numbers a "sample" of targets and predictions. Requires result.valid_scores.
void add_quality_measures(const TrainArguments& arguments, const Dataset& data, const Dataset* valid,
                          const TrainResult& result, report::Json& object);

// Adds "norms": how γ and β are distributed, and how far the running statistics were from the population
// ones at the end of training. Of a model that keeps the first this takes a pass over the training rows.
void add_norm_measures(const TrainArguments& arguments, const Dataset& data, const TrainResult& result,
                       report::Json& object);

}  // namespace ztilde::cli
