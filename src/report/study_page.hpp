// The report of a search: a page made from its study and nothing else.
#pragma once

#include "report/page.hpp"
#include "search/study_contents.hpp"

namespace ztilde::report {

// Sections answer in this order: what came out, which options matter, how wide the good region is, what the
// trials were, how to get the model. What the study does not have is left out; it may still be going on.
Json study_page(const search::StudyContents& study);

}  // namespace ztilde::report
