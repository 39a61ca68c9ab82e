// What training says: before its first step, and at its end in words or as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/train_options.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/train.hpp"

namespace ztilde::cli {

std::string plan_words(const OptionTable& table, const TrainArguments& arguments, const Dataset& data,
                       const TrainPlanSummary& plan);
std::string result_words(const TrainArguments& arguments, const TrainPlanSummary& plan,
                         const TrainResult& result);
// One line; checkpoint_steps: those of the checkpoint as it was saved, 0 for none.
std::string interruption_words(const TrainArguments& arguments, const TrainResult& result,
                               std::uint64_t checkpoint_steps);
nlohmann::ordered_json result_object(const TrainArguments& arguments, const TrainPlanSummary& plan,
                                     const TrainResult& result);

}  // namespace ztilde::cli
