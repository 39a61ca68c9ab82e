#include "cli/lab_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/files.hpp"
#include "report/page.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {

namespace fs = std::filesystem;

LabFolder::LabFolder(std::string path, const std::vector<std::string>& names, bool force)
    : path_(std::move(path)) {
  std::error_code problem;
  if (!fs::exists(path_, problem)) {
    made_ = fs::create_directory(path_, problem);
    if (!made_) {
      throw Error(ErrorKind::io, fmt::format("{}: the folder cannot be made ({}); choose another --out",
                                             shown_path(path_), problem.message()));
    }
  } else if (!fs::is_directory(path_, problem)) {
    throw Error(ErrorKind::data, shown_path(path_) + ": is no folder; choose another --out");
  }
  require_writable(page(), true);
  lock_.emplace(page());
  for (const lab::Experiment& experiment : lab::experiments()) {
    const bool again = std::ranges::find(names, experiment.name) != names.end();
    if (!fs::exists(file(experiment.name), problem)) continue;
    if (again) {
      require_writable(file(experiment.name), force);
    } else {
      documents_[experiment.name] =
          lab::parse_document(read_file(file(experiment.name)), file(experiment.name));
    }
  }
  // A page without any experiment's file beside it may be somebody else's.
  require_writable(page(), force || !documents_.empty());
}

LabFolder::~LabFolder() {
  lock_.reset();
  std::error_code ignored;
  if (made_) fs::remove(path_, ignored);  // only where it is empty
}

void LabFolder::add(const lab::Json& document) {
  const std::string name = document.at("experiment");
  write_file_atomically(file(name), document.dump(1, ' ', false, lab::Json::error_handler_t::replace) + "\n");
  documents_[name] = document;
  std::vector<lab::Json> all;
  for (const lab::Experiment& experiment : lab::experiments()) {
    if (documents_.contains(experiment.name)) all.push_back(documents_[experiment.name]);
  }
  write_file_atomically(page(), report::html(lab::page_of(all)));
}

}  // namespace ztilde::cli
