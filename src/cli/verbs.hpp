// The verbs of the program. Each returns all it has to say on standard output, so that a verb
// that fails has said nothing there.
#pragma once

#include <string>
#include <vector>

namespace ztilde::cli {

struct Outcome {
  std::string output;
  int exit_code = 0;
};

// Everything after the verb on the command line.
using Arguments = std::vector<std::string>;

Outcome run_train(const Arguments& arguments);
Outcome run_evaluate(const Arguments& arguments);
Outcome run_predict(const Arguments& arguments);
Outcome run_monitor(const Arguments& arguments);
Outcome run_recalibrate(const Arguments& arguments);
Outcome run_doctor(const Arguments& arguments);
Outcome run_report(const Arguments& arguments);
Outcome run_pack(const Arguments& arguments);
Outcome run_inspect_data(const Arguments& arguments);
Outcome run_inspect(const Arguments& arguments);
Outcome run_fold(const Arguments& arguments);
Outcome run_insert(const Arguments& arguments);
Outcome run_compare(const Arguments& arguments);
Outcome run_export(const Arguments& arguments);
Outcome run_import(const Arguments& arguments);
Outcome run_search(const Arguments& arguments);
Outcome run_lab(const Arguments& arguments);

}  // namespace ztilde::cli
