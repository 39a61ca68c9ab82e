// oneDNN runs on OpenMP; while this lives, what it does on this thread stays on this thread. The
// caller gets its own setting back.
#pragma once

#include <omp.h>

namespace ztilde {

class OneOpenMpThread {
 public:
  OneOpenMpThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneOpenMpThread() { omp_set_num_threads(before_); }
  OneOpenMpThread(const OneOpenMpThread&) = delete;
  OneOpenMpThread& operator=(const OneOpenMpThread&) = delete;

 private:
  int before_;
};

}  // namespace ztilde
