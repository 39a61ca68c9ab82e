// The folder that the lab writes: NAME.json of each finished experiment, and lab.html made of all of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/output_lock.hpp"
#include "lab/document.hpp"

namespace ztilde::cli {

class LabFolder {
 public:
  // Makes the folder where it is missing, locks it and reads what earlier runs left there, which stays on
  // the page. Throws Error where a file of `names` exists and force is not given, where a file is not the
  // lab's, or where nothing can be written.
  LabFolder(std::string path, const std::vector<std::string>& names, bool force);
  LabFolder(const LabFolder&) = delete;
  LabFolder& operator=(const LabFolder&) = delete;
  // Takes a folder of its own making away where nothing was written.
  ~LabFolder();

  // Writes the experiment's file, then the page.
  void add(const lab::Json& document);

  std::string file(const std::string& name) const { return path_ + "/" + name + ".json"; }
  std::string page() const { return path_ + "/lab.html"; }

 private:
  std::string path_;
  bool made_ = false;
  std::optional<OutputLock> lock_;
  std::map<std::string, lab::Json> documents_;  // by experiment
};

}  // namespace ztilde::cli
