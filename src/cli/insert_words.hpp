// What inserting batch norm did, for people and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "ztilde/insert.hpp"

namespace ztilde::cli {

// "1.2e-05 of the largest output": how far the new model is off where its certificate does not hold.
std::string worst_words(const InsertCertificate& certificate);
// model: the one before.
std::string insert_words(const Model& model, const Insertion& insertion);

nlohmann::ordered_json insert_object(const InsertCertificate& certificate);
nlohmann::ordered_json noise_object(const BatchNoise& noise);

}  // namespace ztilde::cli
