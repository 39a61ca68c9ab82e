// A model as C99: one source file and its header that need the C standard library and nothing else, and
// allocate nothing. Raw rows in, answers out, as Predictor and predict give them.
#pragma once

#include <cstddef>
#include <string>

#include "ztilde/model.hpp"

namespace ztilde {

struct CSourceOptions {
  std::string name = "model";      // what all names of the source begin with: a C identifier
  std::string header = "model.h";  // the header's file name, which the source includes
};

struct CSource {
  std::string source, header;
  std::size_t scratch = 0;  // floats of working memory that a caller gives
};

// The same text for the same model. Throws Error(data) for a model that is not sound, or has what C cannot
// hold, and for a name that is no identifier.
CSource c_source(const Model& model, const CSourceOptions& options = {});

// What the names of a source in this file begin with where nobody says: "some/My-net.c" → "My_net".
std::string c_name_for(const std::string& path);

}  // namespace ztilde
