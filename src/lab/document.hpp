// A finished experiment as lab/NAME.json has it, and the page made of such documents.
#pragma once

#include <string>
#include <vector>

#include "lab/experiment.hpp"

namespace ztilde::lab {

// Runs the experiment and writes down what came out. Throws Stopped, and Error as training does.
Json run(const Experiment& experiment, Context& context);

// What is needed of a document, checked. Throws Error(data) that names the file.
Json parse_document(const std::string& content, const std::string& file_name);

// One section for each, in the order of experiments().
Json page_of(const std::vector<Json>& documents);

}  // namespace ztilde::lab
