// The machine, as messages call it.
#pragma once

#include <string>

namespace ztilde {

// "unknown host" where it has no name.
std::string host_name();

}  // namespace ztilde
