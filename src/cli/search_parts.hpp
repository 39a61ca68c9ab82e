// What `ztilde search` does beside searching.
#pragma once

#include <string>

#include "base/output_lock.hpp"
#include "cli/verbs.hpp"
#include "search/study_contents.hpp"

namespace ztilde::cli {

// Everything after "search show" and "search best".
Outcome run_search_show(const Arguments& arguments);
Outcome run_search_best(const Arguments& arguments);

// read_study(), with nothing left beside it where nobody works on it.
search::StudyContents read_finished_study(const std::string& path);

// Whether the file is a page that this program wrote: a search that goes on may replace that of its
// beginning.
bool is_page(const std::string& path);

}  // namespace ztilde::cli
