#include "lab/deep_gradients.hpp"

#include <cmath>
#include <string>

#include "base/random.hpp"
#include "lab/mean_field.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde::lab {
namespace {

Dataset noise(std::size_t width, std::uint64_t seed) {
  Dataset data;
  data.rows = 2 * width;
  data.columns = width;
  const RandomStream stream(seed, Purpose::initialise, 0, 0);
  for (std::size_t i = 0; i < data.rows * width; ++i)
    data.floats.push_back(static_cast<float>(stream.normal(i)));
  for (std::size_t row = 0; row < data.rows; ++row) data.targets.push_back(static_cast<float>(row % width));
  for (std::size_t i = 0; i < width; ++i) data.classes.push_back(std::to_string(i));
  return data;
}

}  // namespace

std::vector<double> log_gradient_norms(ActivationKind g, std::size_t width, std::size_t blocks,
                                       Weights weights, std::uint64_t seed) {
  const Dataset data = noise(width, seed);
  Network network{width, {}};
  for (std::size_t i = 0; i < blocks; ++i) {
    network.layers.insert(network.layers.end(),
                          {Dense{width, false}, BatchNorm{.epsilon = 1e-12}, Activation{g}});
  }
  network.layers.push_back(Dense{width, true});
  TrainOptions options;
  options.network = network;
  options.optimizer = OptimizerKind::sgd;
  options.batch = data.rows;
  options.valid_fraction = 0;
  options.threads = 1;
  options.seed = seed;
  TrainSession session(data, options);

  std::vector<ParameterSlot> matrices;
  for (const ParameterSlot& slot : parameter_slots(network)) {
    if (slot.is_weight_matrix) matrices.push_back(slot);
  }
  for (std::size_t i = 0; i < blocks && weights == Weights::orthogonal; ++i)
    fill_orthogonal(width, seed, i, session.parameters().subspan(matrices[i].offset, matrices[i].size()));
  for (float& w : session.parameters().subspan(matrices[blocks].offset, matrices[blocks].size())) w *= 1e-3f;

  session.find_gradients();
  std::vector<double> norms;
  for (std::size_t i = 0; i < blocks; ++i) {
    double sum = 0;
    for (const float d : session.gradients().subspan(matrices[i].offset, matrices[i].size()))
      sum += static_cast<double>(d) * d;
    norms.push_back(std::log(sum) / 2);
  }
  return norms;
}

double growth_of(const std::vector<double>& log_norms) {
  return -slope(std::span(log_norms).subspan(1, log_norms.size() - 2));
}

}  // namespace ztilde::lab
