// The loss of every row, so that two variants of a model are compared row by row: what chance does to a row
// it does to both.
#pragma once

#include <vector>

#include "ztilde/doctor.hpp"

namespace ztilde::doctor {

struct RowLosses {
  std::vector<double> of_row;
  double mean = 0;  // by the rows' weights
};

class Judge {
 public:
  // reference: outputs that others are compared with where the rows have no target, [rows, outputs].
  Judge(const Model& model, const Dataset& rows, std::vector<float> reference);

  // outputs: [rows, outputs]
  RowLosses losses(const std::vector<float>& outputs) const;
  LossStep step(const RowLosses& before, const RowLosses& after) const;
  // Whether a step is more than chance and worth a word, given the loss that is left after it.
  bool matters(const LossStep& step, double loss_after) const;
  bool labelled() const { return !rows_.targets.empty(); }

 private:
  double loss(const float* output, std::size_t row) const;
  double weight(std::size_t row) const { return rows_.weights.empty() ? 1.0 : rows_.weights[row]; }

  Task task_;
  std::size_t outputs_;
  const Dataset& rows_;
  std::vector<float> reference_;
  double least_ = 0;  // a smaller step is not worth a word
};

}  // namespace ztilde::doctor
