// One process of a search, which runs trials until there are no more.
#pragma once

#include "cli/search_options.hpp"
#include "cli/verbs.hpp"

namespace ztilde::cli {

Outcome run_search_worker(const OptionTable& table, const SearchArguments& arguments);

}  // namespace ztilde::cli
