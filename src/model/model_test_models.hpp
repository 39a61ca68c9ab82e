// Models and rows made up for tests, of any network.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "plan/plan_test_networks.hpp"
#include "plan/reference_plan.hpp"
#include "ztilde/model.hpp"

namespace ztilde::testing_models {

// Random parameters and statistics, classes "class 0", "class 1", …, and test rows.
inline Model model_of(const Network& network, std::size_t test_rows = 3) {
  Model model;
  model.network = network;
  model.parameters = testing_networks::random_parameters(network);
  model.statistics = testing_networks::random_statistics(network);
  model.statistic_batches.assign(statistic_slots(network).size(), 1);
  const std::size_t classes = std::max<std::size_t>(layer_outputs(network).back(), 2);
  for (std::size_t c = 0; c < classes; ++c) model.classes.push_back("class " + std::to_string(c));
  model.test_inputs = testing_networks::random_inputs(network, test_rows, 21);
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

// Other rows than its test rows, without a target.
inline Dataset rows_for(const Model& model, std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = model.network.inputs;
  data.floats = testing_networks::random_inputs(model.network, rows);
  return data;
}

// All rows at once through the oracle: [rows, outputs].
inline std::vector<double> outputs_in_double(const Model& model, const Dataset& data) {
  return ReferencePlan<double>(model.network)
      .forward_inference({data.floats.begin(), data.floats.end()}, data.rows,
                         {model.parameters.begin(), model.parameters.end()}, model.statistics);
}

}  // namespace ztilde::testing_models
