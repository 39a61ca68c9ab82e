// What the tests of training step by step share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "model/model_file.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde {

// A model as train() makes it, but for what only train() knows: losses, and the options' own words.
inline std::string bytes(Model model) {
  model.training.train_loss = 0;
  model.training.valid_loss = 0;
  return model_file::to_bytes(model, "model");
}

// The session's gradients are those that the oracle has in double, tensor by tensor.
inline void expect_gradients(TrainSession& session, std::span<const double> expected) {
  for (const ParameterSlot& slot : parameter_slots(session.network())) {
    double largest = 0, worst = 0;
    for (std::size_t i = slot.offset; i < slot.offset + slot.size(); ++i) {
      largest = std::max(largest, std::abs(expected[i]));
      worst = std::max(worst, std::abs(expected[i] - double{session.gradients()[i]}));
    }
    EXPECT_GT(largest, 0) << slot.layer;
    EXPECT_LT(worst, 1e-4 * largest) << "layer " << slot.layer << " " << slot.name;
  }
}

}  // namespace ztilde
