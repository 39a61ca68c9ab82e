// What inspect-data says of images.
#pragma once

#include <string>

#include "ztilde/dataset.hpp"

namespace ztilde::cli {

struct ImagesFound {
  ImageSurvey survey;
  std::size_t channels = 0;  // that training would have; 0: none can be read
  std::size_t bytes = 0;     // of a row, where an IDX file has rows of no known shape; else 0
};
ImagesFound look_at_folder(const std::string& path);
ImagesFound look_at_idx(const std::string& path, const std::string& labels, ImageLayout layout);

std::string image_words(const ImagesFound& found, const std::string& path, std::size_t width);
std::string image_json(const ImagesFound& found, const std::string& path);

}  // namespace ztilde::cli
