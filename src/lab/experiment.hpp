// A claim about batch norm and how it is put to the test. One file an experiment; all of them in
// registry.cpp.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lab/context.hpp"
#include "report/blocks.hpp"

namespace ztilde::lab {

using report::Json;
using report::Verdict;

// What one number has to be, fixed before the run.
struct Threshold {
  enum class Is { at_least, above, at_most, below, within };
  std::string label = {};  // "steps, raw over standardised"
  Is is = Is::at_least;
  double bound = 0;
  double reach = 0;                   // of `within`: bound ± reach
  std::optional<double> beyond = {};  // what exceeds the claim: the same comparison with this bound
  std::string format = "{:.4g}";      // of its values, with their unit: "{:.2f} points"
};

// What a run found. All but the seconds depends on the seed and the data alone, never on the threads.
struct Findings {
  std::vector<double> values;   // by the experiment's thresholds; NaN: could not be measured, and is not met
  std::string sentence;         // what came out, in one sentence
  Json blocks = Json::array();  // the pictures and tables (report/blocks.hpp); the verdict is put before them
  Json points = Json::object();  // what was measured, raw, for whoever wants to draw it otherwise
  std::string ran;               // what was run: networks, rows, steps, rates, seeds
  std::string why_not;           // why the claim may not have been reproduced here; shown where it was not
};

struct Experiment {
  std::string name = {};    // "bowls", as the command line has it
  std::string title = {};   // "Round bowls"
  std::string claim = {};   // a sentence
  std::string source = {};  // "Ioffe & Szegedy 2015, arXiv:1502.03167, section 4.1"
  std::string about = {};   // how it is put to the test, in a few sentences
  std::vector<Threshold> thresholds = {};
  bool takes_data = false;                // can be run on the user's own rows
  double seconds = 0, quick_seconds = 0;  // on 2 cores, as measured
  Findings (*run)(Context&) = nullptr;
};

// In the order of the list.
std::span<const Experiment> experiments();

}  // namespace ztilde::lab
