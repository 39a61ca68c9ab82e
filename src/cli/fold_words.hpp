// The certificate of a folded model, for people.
#pragma once

#include <string>

#include "ztilde/fold_certificate.hpp"

namespace ztilde::cli {

std::string fold_words(const FoldCertificate& certificate);

// "0.00012 of the largest output": how far a folded model is off, and where most.
std::string worst_words(const FoldCertificate& certificate);

}  // namespace ztilde::cli
