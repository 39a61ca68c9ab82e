#include "cli/search_report.hpp"

#include <fmt/format.h>

#include "cli/search_words.hpp"
#include "report/blocks.hpp"
#include "report/page.hpp"
#include "search/study_tables.hpp"

namespace ztilde::cli {

std::string study_report(const search::StudyContents& study) {
  using report::Json;
  std::vector<std::string> columns = {"trial", "state", "epochs", "validation loss"};
  for (const search::Dimension& dimension : study.plan.dimensions)
    columns.push_back(dimension.option.substr(2));
  Json rows = Json::array();
  for (const std::size_t t : ranking(study)) {
    const search::Trial& trial = study.trials[t];
    Json row = {trial.number, search::to_text(trial.state),
                trial.curve.empty() ? std::size_t{0} : trial.curve.back().epoch};
    row.push_back(trial.loss() ? Json(*trial.loss()) : Json("-"));
    for (const auto& [option, text] : trial.options) row.push_back(text);
    rows.push_back(std::move(row));
  }
  Json blocks = Json::array();
  blocks.push_back(report::table("Best first", columns, rows));
  Json sections = Json::array();
  sections.push_back(report::section("trials", "The trials", count_words(study), std::move(blocks)));
  return report::html(
      {{"title", "A search"}, {"subtitle", study.plan.data_words}, {"sections", std::move(sections)}});
}

}  // namespace ztilde::cli
