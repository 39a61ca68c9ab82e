// What the normalisations do to some training rows while training goes on: HistoryPoint::norms.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/team.hpp"
#include "plan/inference_plan.hpp"
#include "plan/rows_copy.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

// At most `most` of the rows, one from each of as many stretches of equal length, drawn by the seed alone.
std::vector<std::uint32_t> probe_rows(const Batch& rows, std::size_t most, std::uint64_t seed);

// By BatchNorm layer: how far one statistics arena is from another one, measured.
std::vector<RunningError> running_errors(const Network& network, std::span<const double> running,
                                         std::span<const double> measured);

class NormProbe {
 public:
  // Looks at the numbers that `model` has at the time of measure(), without changing them. `rows`: all that
  // are trained on.
  NormProbe(const Model& model, const Batch& rows, std::size_t most, std::uint64_t seed, Team& team);
  NormProbe(const NormProbe&) = delete;  // the batch points to the rows
  NormProbe& operator=(const NormProbe&) = delete;

  std::vector<NormPoint> measure();
  std::size_t bytes() const;

 private:
  struct Layer {
    std::size_t stage;           // whose result it normalises
    ActivationKind inner, next;  // before z and after z_tilde
    BatchNorm fields;
    StatisticSlot slot;
    const float *gamma, *beta;
    std::size_t pixels;
    AlignedBuffer<float> z;  // [probe rows · pixels, channels]
  };
  NormPoint look_at(Layer& layer) const;

  const Model& model_;
  Team& team_;
  std::vector<std::uint32_t> rows_;
  RowsCopy copy_;  // of rows that stay on disk
  Batch batch_;
  InferencePlan plan_;
  std::vector<Layer> layers_;
};

}  // namespace ztilde
