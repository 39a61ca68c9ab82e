// The tables of a study's file, and reading all of them.
#pragma once

#include <cstdint>

#include "search/sqlite.hpp"
#include "search/study_contents.hpp"

namespace ztilde::search {

inline constexpr std::int64_t kApplicationId = 0x7A743A53;  // "zt:S"
inline constexpr std::int64_t kFormat = 1;                  // user_version

// In a file that is empty, as one transaction.
void create_tables(Database& database, const StudyPlan& plan, std::size_t trials_asked);
// Throws Error(data) for a file that is no study, damaged, or of another format.
void check_format(Database& database);

StudyPlan read_plan(Database& database);
std::size_t read_trials_asked(Database& database);
// Within a transaction of the caller's.
StudyContents read_contents(Database& database);

const char* to_text(TrialState state);

}  // namespace ztilde::search
