// Writes the report of a study whose trainings are made up, for the test in a browser:
//   sample_study_page classify|regress|small|empty > page.html
#include <cstdio>
#include <cstring>

#include "report/study_page.hpp"
#include "search/sample_study_test_support.hpp"

int main(int count, char** words) {
  using ztilde::search::SampleOptions;
  const char* kind = count > 1 ? words[1] : "classify";
  SampleOptions options;
  if (std::strcmp(kind, "regress") == 0) {
    options.task = ztilde::Task::regress;
    options.searches_norm = options.stops_early = false;
  }
  if (std::strcmp(kind, "small") == 0) options.trials = 2;
  if (std::strcmp(kind, "empty") == 0) options.trials = 0;
  ztilde::search::StudyContents study = ztilde::search::sample_study(options);
  // Texts of the user must stay texts.
  study.plan.fixed[1].second = "</script><img src=x onerror=alert(1)>";
  const std::string page = ztilde::report::html(ztilde::report::study_page(study));
  std::fwrite(page.data(), 1, page.size(), stdout);
}
