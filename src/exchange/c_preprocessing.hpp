// What stands between a table and a network, as C: the Encode layer, and the indices of categories by their
// texts.
#pragma once

#include <string>

#include "ztilde/model.hpp"

namespace ztilde::c_export {

// "$_encode(row, y)" and its tables; '$' stands for what all names begin with. Empty without an Encode layer.
std::string encode_source(const Model& model);

bool has_categories(const Model& model);
// "$_category(column, text)" and its tables.
std::string category_source(const Model& model);

}  // namespace ztilde::c_export
