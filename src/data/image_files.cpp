#include "data/image_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/files.hpp"
#include "data/image_file.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

namespace fs = std::filesystem;

struct Names {
  std::vector<std::string> folders, files;
};

Names names_in(const std::string& path) {
  Names names;
  std::error_code failure;
  for (fs::directory_iterator entry(path, failure), end; !failure && entry != end; entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.')) continue;
    std::error_code ignored;  // what is neither is left to whoever opens it
    (entry->is_directory(ignored) ? names.folders : names.files).push_back(name);
  }
  if (failure) {
    throw Error(ErrorKind::io, fmt::format("{}: the folder cannot be read ({}); check its name and rights",
                                           shown_path(path), failure.message()));
  }
  std::ranges::sort(names.folders);
  std::ranges::sort(names.files);
  return names;
}

}  // namespace

ImageFiles find_image_files(const std::string& path) {
  ImageFiles found;
  found.path = path;
  while (found.path.size() > 1 && found.path.ends_with('/')) found.path.pop_back();
  const Names top = names_in(found.path);
  if (!top.files.empty()) found.folders.emplace_back();
  for (const std::string& name : top.files) found.files.push_back({name, 0});
  for (const std::string& folder : top.folders) {
    const Names within = names_in(found.path + "/" + folder);
    if (!within.folders.empty()) {
      refuse_image(
          found.path + "/" + folder + "/" + within.folders.front(),
          "is a folder within a class folder; name the folder whose folders are the classes, or move "
          "its images up");
    }
    for (const std::string& name : within.files)
      found.files.push_back({folder + "/" + name, found.folders.size()});
    found.folders.push_back(folder);
  }
  if (found.files.empty()) {
    refuse_image(path, "holds no images; put the images of each class into a folder of its own in it");
  }
  return found;
}

}  // namespace ztilde
