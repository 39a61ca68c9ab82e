// A diagnosis as a page.
#pragma once

#include "cli/doctor_words.hpp"
#include "report/page.hpp"

namespace ztilde::cli {

report::Json doctor_page(const Model& model, const Diagnosis& diagnosis, const DoctorContext& context);

}  // namespace ztilde::cli
