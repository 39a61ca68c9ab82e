// The C functions that layers are calls of. Plain loops that compilers make vector code of.
#pragma once

#include <set>
#include <string>

namespace ztilde::c_export {

// By their names without what all names begin with: "dense", "relu".
using Functions = std::set<std::string>;

// Those functions and what they call, before their callers; '$' stands for what all names begin with.
std::string definitions(const Functions& called);

}  // namespace ztilde::c_export
