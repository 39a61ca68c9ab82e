// Which files a folder of images has.
#pragma once

#include <string>
#include <vector>

namespace ztilde {

struct ImageFiles {
  // In the order of the class folders' names and then of the files'.
  struct File {
    std::string name;        // within the folder: "cat/1.png"
    std::size_t folder = 0;  // of `folders`
  };
  std::string path;
  std::vector<std::string> folders;  // sorted; of files in no folder "", the first
  std::vector<File> files;
  std::string path_of(std::size_t file) const { return path + "/" + files[file].name; }
  bool has_loose_files() const { return !folders.empty() && folders.front().empty(); }
};

// Every file of the folder and of the folders in it; hidden ones are passed over. Throws Error: io where a
// folder cannot be read, data for a folder within a folder, or no file at all.
ImageFiles find_image_files(const std::string& path);

}  // namespace ztilde
