// Reads golden/traces.json: 20 training steps of small networks as PyTorch does them in double.
// golden/README.md says what is in it and how to remake it.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "ztilde/network.hpp"

namespace ztilde::golden {

inline constexpr double kMomentum = 0.9;
inline constexpr double kRmspropAlpha = 0.99;
inline constexpr double kAdamBeta1 = 0.9, kAdamBeta2 = 0.999;
inline constexpr double kOptimiserEpsilon = 1e-8;

struct Run {
  std::string name;
  Network network;
  std::string loss;       // softmax_cross_entropy, binary_cross_entropy, squared_error
  std::string optimiser;  // sgd, momentum, nesterov, rmsprop, adam, adamw
  double learning_rate = 0;
  double weight_decay = 0;                                   // of the weight matrices only
  double clip_norm = 0;                                      // 0: no clipping
  std::vector<double> initial_parameters, final_parameters;  // by parameter_slots, gaps 0
  std::vector<double> initial_statistics, final_statistics;  // by statistic_slots, running
  std::vector<double> losses;                                // [steps], before each step
  // The largest differences of PyTorch in float from this run: no float code can promise less.
  double float32_loss_error = 0, float32_final_error = 0;
};

struct Traces {
  std::size_t steps = 0, rows = 0, columns = 0;
  std::vector<std::vector<float>> inputs;                   // [steps][rows · columns]
  std::vector<std::vector<float>> classes, labels, values;  // [steps][rows]
  std::vector<Run> runs;

  const std::vector<float>& targets(const Run& run, std::size_t step) const {
    if (run.loss == "softmax_cross_entropy") return classes[step];
    return run.loss == "binary_cross_entropy" ? labels[step] : values[step];
  }
};

namespace detail {

inline void copy_tensor(const nlohmann::json& tensors, const std::string& name, std::size_t size,
                        double* destination) {
  const auto values = tensors.at(name).get<std::vector<double>>();
  if (values.size() != size) throw std::runtime_error("golden tensor " + name + " has another size");
  std::copy(values.begin(), values.end(), destination);
}

inline std::vector<double> parameter_arena(const Network& network, const nlohmann::json& tensors) {
  std::vector<double> arena(parameter_arena_size(network));
  for (const ParameterSlot& slot : parameter_slots(network)) {
    const std::string name = std::to_string(slot.layer) + "." + std::string(slot.name);
    copy_tensor(tensors, name, slot.size(), arena.data() + slot.offset);
  }
  return arena;
}

inline std::vector<double> statistic_arena(const Network& network, const nlohmann::json& tensors) {
  std::vector<double> arena(statistic_arena_size(network));
  for (const StatisticSlot& slot : statistic_slots(network)) {
    const std::string layer = std::to_string(slot.layer);
    double* mean = arena.data() + slot.offset;
    copy_tensor(tensors, layer + ".running_mean", slot.channels, mean);
    copy_tensor(tensors, layer + ".running_var", slot.channels, mean + slot.channels);
  }
  return arena;
}

inline Run read_run(const nlohmann::json& json) {
  Run run;
  run.name = json.at("name");
  run.network = network_from_json(json.at("network").dump(), run.name);
  run.loss = json.at("loss");
  run.optimiser = json.at("optimiser");
  run.learning_rate = json.at("learning_rate");
  run.weight_decay = json.at("weight_decay");
  run.clip_norm = json.at("clip_norm");
  run.initial_parameters = parameter_arena(run.network, json.at("initial"));
  run.final_parameters = parameter_arena(run.network, json.at("final"));
  run.final_statistics = statistic_arena(run.network, json.at("final"));
  run.initial_statistics.resize(run.final_statistics.size());
  for (const StatisticSlot& slot : statistic_slots(run.network)) {
    for (std::size_t c = 0; c < slot.channels; ++c)
      run.initial_statistics[slot.offset + slot.channels + c] = 1;
  }
  run.losses = json.at("losses").get<std::vector<double>>();
  run.float32_loss_error = json.at("float32_error").at("loss");
  run.float32_final_error = json.at("float32_error").at("final");
  return run;
}

}  // namespace detail

// path: tests/golden/traces.json of the source tree.
inline Traces load_traces(const std::string& path = ZTILDE_SOURCE_DIR "/tests/golden/traces.json") {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  const nlohmann::json json = nlohmann::json::parse(file);
  Traces traces;
  traces.steps = json.at("steps");
  traces.rows = json.at("rows");
  traces.columns = json.at("columns");
  traces.inputs = json.at("inputs").get<std::vector<std::vector<float>>>();
  traces.classes = json.at("classes").get<std::vector<std::vector<float>>>();
  traces.labels = json.at("labels").get<std::vector<std::vector<float>>>();
  traces.values = json.at("values").get<std::vector<std::vector<float>>>();
  for (const auto& run : json.at("runs")) traces.runs.push_back(detail::read_run(run));
  return traces;
}

}  // namespace ztilde::golden
