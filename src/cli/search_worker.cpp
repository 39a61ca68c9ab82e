#include "cli/search_worker.hpp"

#include "cli/interrupt.hpp"
#include "cli/search_plan.hpp"
#include "search/study.hpp"
#include "search/work.hpp"

namespace ztilde::cli {

search::RunTrial trial_runner(const SearchRows& rows, const search::StudyPlan& plan, std::size_t threads) {
  const search::TrialRows split = trial_rows(rows, plan.seed);
  return [&rows, split, fixed = plan.fixed, threads](const search::TrialRun& run) {
    search::OptionTexts texts = fixed;  // where the files are for this process
    texts.insert(texts.end(), run.trial.options.begin(), run.trial.options.end());
    return search::run_trial_with(split, trial_options(texts, rows.data, threads), run);
  };
}

Outcome run_search_worker(const OptionTable& table, const SearchArguments& arguments) {
  SearchRows rows;
  const search::StudyPlan plan = plan_search(table, arguments, Messages(true), rows);
  search::Study study = search::Study::open(arguments.study);
  require_same_search(arguments.study, study.plan(), plan);
  const Interrupt interrupt;
  search::WorkOptions options;
  options.should_stop = [&] { return interrupt.signal() != 0; };
  (void)search::work(study, options, trial_runner(rows, plan, arguments.train.training.threads));
  return {"", interrupt.signal() == 0 ? 0 : 128 + interrupt.signal()};
}

}  // namespace ztilde::cli
