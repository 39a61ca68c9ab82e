// A bowl over two weights from above: its contours and the way down.
#pragma once

#include <string>

#include "lab/bowl.hpp"
#include "lab/experiment.hpp"

namespace ztilde::lab {

enum class Axes { equal, stretched };  // one scale for both weights, or each its own

// bowl: of two inputs, or the slice of one of three; best: its bottom.
Json bowl_picture(const std::string& title, const Bowl& bowl, const std::vector<double>& best,
                  const Descent& descent, Axes axes);

}  // namespace ztilde::lab
