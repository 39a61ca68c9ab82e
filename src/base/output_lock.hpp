// One process at a time on one output. The kernel releases the lock of a process that dies.
#pragma once

#include <string>

namespace ztilde {

// Holds a hidden lock file beside `path`, links followed, until the end of its scope, and takes the
// file away then. Throws Error(data) naming the process that holds it; Error(io) where no file can
// be made. Does nothing for a device or pipe, and where the file system knows no locks.
class OutputLock {
 public:
  explicit OutputLock(const std::string& path);
  // The same for a file that is to be written, by require_writable(path, may_replace) of base/files.hpp:
  // that its folder is there before, whether it may be replaced while no other process can make it.
  OutputLock(const std::string& path, bool may_replace);
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;
  ~OutputLock();

 private:
  std::string lock_path_;
  int descriptor_ = -1;
};

// Removes the temporaries that writers have left in `folder` when they were killed: those of dead
// process ids whose locks are free. What cannot be removed stays.
void remove_stale_temporaries(const std::string& folder);

}  // namespace ztilde
