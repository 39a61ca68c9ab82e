// A diagnosis for people: what was measured, what was found, why it is believed, and what to do.
#pragma once

#include <string>
#include <vector>

#include "ztilde/doctor.hpp"

namespace ztilde::cli {

// What commands of advice need to know.
struct DoctorContext {
  std::string model;              // path
  std::vector<std::string> data;  // "--data", "rows.csv", … as given
  std::string refusal;            // what load says of the model; empty: nothing
  std::size_t all_rows = 0;       // of the data, of which the diagnosis looked at some
};

struct Advice {
  std::string words, command;  // command may be empty
};

// "layer 4 (batch norm): statistics of other weights".
std::string finding_title(const Model& model, const Finding& finding);
std::string evidence_words(const Model& model, const Finding& finding);
Advice advice_for(const Finding& finding, const Diagnosis& diagnosis, const DoctorContext& context);
// "the loss falls by 0.12 ± 0.003", or "" where that is not known.
std::string step_words(const Finding& finding, const Diagnosis& diagnosis);

std::string doctor_words(const Model& model, const Diagnosis& diagnosis, const DoctorContext& context);
std::string doctor_json(const Model& model, const Diagnosis& diagnosis, const DoctorContext& context,
                        const std::string& written);

}  // namespace ztilde::cli
