// What a training's log says beside its points: at its beginning what is run, at its end what came of it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/train_options.hpp"
#include "report/page.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/train.hpp"

namespace ztilde::cli {

// "run" of the first line. options: as the model file records them.
report::Json run_object(const TrainArguments& arguments, const std::vector<std::string>& given,
                        const std::vector<std::pair<std::string, std::string>>& options, const Dataset& data,
                        const TrainPlanSummary& plan);

// The last line: the finished model's figures, and as "result" how it does on the validation rows. Those
// are `valid` or, where it is null, the rows that the options hold out. A run that was stopped in a hurry
// is not measured again.
report::Json result_line(const TrainArguments& arguments, const Dataset& data, const Dataset* valid,
                         const TrainResult& result);

// The last line of a run that diverged.
report::Json divergence_line(const std::string& what);

}  // namespace ztilde::cli
