// How much memory there is: what cannot fit is refused, for a system that promises more memory
// than it has ends whoever uses the promise.
#pragma once

#include <cstddef>

namespace ztilde {

// The bytes of memory of this machine.
std::size_t physical_memory();

}  // namespace ztilde
