// Batch norm into the weights of the layers beside it: the same function with fewer layers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ztilde/dataset.hpp"
#include "ztilde/fold_certificate.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

struct FoldOptions {
  double tolerance = 1e-4;  // of FoldCertificate::relative; nothing is refused by it here
  std::uint64_t seed = 0;   // of the built-in rows
  std::size_t threads = 0;  // 0: all cores; the result is the same for any number
};

// The folded model, its test rows made anew and with its certificate, which may not hold.
//   into a layer before:  W' = a W,  b' = a (b − mean) + beta,  a = gamma / sqrt(variance + epsilon) per
//   output into one after:       W' = W a,  b' = b + W (beta − a mean), where that is exact
// in double, rounded to float once. The difference is that to the unfolded model in double, on the rows of
// `data` (its targets do not matter), or where there are none on the model's test rows and built-in ones.
// Throws Error(data) where there is no batch norm to fold, or the data's columns are not the model's.
// Jacob et al. 2018, arXiv:1712.05877, section 3.2.
Model fold(const Model& model, const Dataset& data = {}, const FoldOptions& options = {});

}  // namespace ztilde
