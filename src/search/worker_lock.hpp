// Whether a worker is alive: a kernel lock on a file of its own, which ends with its process.
#pragma once

#include <cstdint>
#include <string>

namespace ztilde::search {

// Holds FOLDER/worker-ID until the end of its scope, and takes the file away then. ids are never used twice.
// Throws Error(io) where it cannot be made or locked.
class WorkerLock {
 public:
  WorkerLock(const std::string& folder, std::int64_t id);
  WorkerLock(const WorkerLock&) = delete;
  WorkerLock& operator=(const WorkerLock&) = delete;
  ~WorkerLock();

 private:
  std::string path_;
  int descriptor_ = -1;
};

// Of a worker that has had its lock once. Throws Error(io) where that cannot be told.
bool worker_is_alive(const std::string& folder, std::int64_t id);
// The file of a dead one.
void forget_worker(const std::string& folder, std::int64_t id);

}  // namespace ztilde::search
