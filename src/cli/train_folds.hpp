// train --folds: cross-validation, with its progress and what it says at its end.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/train_options.hpp"
#include "ztilde/cross_validate.hpp"

namespace ztilde::cli {

struct FoldsRun {
  CrossValidation result;
  int signal = 0;  // that ended it early, 0 for none
};

// Options that mean nothing to folds are refused. Throws Error(data).
void check_folds(const OptionTable& table, const TrainArguments& arguments);

FoldsRun run_folds(const OptionTable& table, const TrainArguments& arguments, const Dataset& data);

std::string folds_words(const CrossValidation& result, Task task);
nlohmann::ordered_json folds_object(const CrossValidation& result, Task task);

}  // namespace ztilde::cli
