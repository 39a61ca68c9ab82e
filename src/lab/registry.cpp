#include <vector>

#include "lab/experiment.hpp"
#include "lab/experiments.hpp"

namespace ztilde::lab {

std::span<const Experiment> experiments() {
  static const std::vector<Experiment> all = {
      bowls(),       //
      identity(),    //
      sigmoid(),     //
      placement(),   //
      figure1(),     //
      map(),         //
      speed(),       //
      depth(),       //
      batch_size(),  //
      optimisers(),  //
      noisy(),       //
      twins(),       //
  };
  return all;
}

}  // namespace ztilde::lab
