#include "training/optimiser.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/optimiser_kernels.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kChunk = 4096;
constexpr double kMomentum = 0.9;
constexpr double kAlpha = 0.99;  // of RMSprop
constexpr double kBeta1 = 0.9, kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;  // in the denominators of RMSprop and Adam

}  // namespace

double default_learning_rate(OptimizerKind optimizer) {
  switch (optimizer) {
    case OptimizerKind::sgd:
      return 0.1;
    case OptimizerKind::momentum:
    case OptimizerKind::nesterov:
      return 0.05;
    case OptimizerKind::rmsprop:
    case OptimizerKind::adam:
      return 1e-3;
    case OptimizerKind::adamw:
      return 2e-3;
  }
  return 0;
}

double default_weight_decay(OptimizerKind optimizer) { return optimizer == OptimizerKind::adamw ? 0.01 : 0; }

Optimiser::Optimiser(const Network& network, const OptimiserOptions& options, std::size_t workers)
    : options_(options), norm_queue_(workers), step_queue_(workers) {
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const ParameterSlot& slot = slots[i];
    if (!options.frozen.empty() && options.frozen[i]) continue;
    const bool decays = slot.is_weight_matrix || options.decay_all;
    for (std::size_t first = 0; first < slot.size(); first += kChunk) {
      chunks_.push_back({slot.offset + first, std::min(kChunk, slot.size() - first),
                         decays ? static_cast<float>(options.weight_decay) : 0.0f});
    }
  }
  squares_.resize(chunks_.size());
  const std::size_t arena = parameter_arena_size(network);
  const OptimizerKind kind = options.kind;
  if (kind != OptimizerKind::sgd && kind != OptimizerKind::rmsprop) first_ = AlignedBuffer<float>(arena);
  if (kind == OptimizerKind::rmsprop || kind == OptimizerKind::adam || kind == OptimizerKind::adamw) {
    second_ = AlignedBuffer<float>(arena);
  }
  if (options.average > 0) average_ = AlignedBuffer<double>(arena);
}

void Optimiser::begin(double rate) {
  norm_queue_.refill();
  step_queue_.refill();
  ++steps_;
  rate_ = rate;
  correction1_ = 1 - std::pow(kBeta1, static_cast<double>(steps_));
  correction2_ = 1 - std::pow(kBeta2, static_cast<double>(steps_));
}

void Optimiser::step(const Worker& worker, float* parameters, const float* gradients) {
  if (options_.clip_norm > 0) {
    norm_queue_.take(worker, chunks_.size(), [&](std::size_t i) {
      squares_[i] = kernels::sum_of_squares(chunks_[i].size, gradients + chunks_[i].offset);
    });
    worker.sync([&] {
      double total = 0;
      for (const double squares : squares_) total += squares;
      // 1e-6 as PyTorch's clip_grad_norm_ has it, so that the two agree.
      gradient_scale_ = static_cast<float>(std::min(1.0, options_.clip_norm / (std::sqrt(total) + 1e-6)));
    });
  }
  step_queue_.take(worker, chunks_.size(), [&](std::size_t i) {
    step_chunk(chunks_[i], parameters, gradients);
    if (!averages()) return;
    const auto [offset, size, decay] = chunks_[i];  // its weights are in the nearest cache now
    kernels::average_step(size, average_.data() + offset, parameters + offset, options_.average);
  });
}

void Optimiser::average(std::uint64_t steps, std::span<float> parameters) const {
  const double correction = 1 - std::pow(options_.average, static_cast<double>(steps));
  for (const Chunk& chunk : chunks_) {
    for (std::size_t i = chunk.offset; i < chunk.offset + chunk.size; ++i)
      parameters[i] = static_cast<float>(average_.data()[i] / correction);
  }
}

void Optimiser::step_chunk(const Chunk& chunk, float* parameters, const float* gradients) {
  float* w = parameters + chunk.offset;
  const float* g = gradients + chunk.offset;
  float* m = first_.data() + (first_.size() ? chunk.offset : 0);
  float* v = second_.data() + (second_.size() ? chunk.offset : 0);
  const auto rate = static_cast<float>(rate_);
  const auto n = chunk.size;
  switch (options_.kind) {
    case OptimizerKind::sgd:
      return kernels::sgd_step(n, w, g, gradient_scale_, rate, chunk.decay);
    case OptimizerKind::momentum:
    case OptimizerKind::nesterov:
      return kernels::momentum_step(n, w, g, m, gradient_scale_, rate, chunk.decay,
                                    static_cast<float>(kMomentum), options_.kind == OptimizerKind::nesterov);
    case OptimizerKind::rmsprop:
      return kernels::rmsprop_step(n, w, g, v, gradient_scale_, rate, chunk.decay, static_cast<float>(kAlpha),
                                   static_cast<float>(kEpsilon));
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      return kernels::adam_step(
          n, w, g, m, v, gradient_scale_,
          {rate, chunk.decay, static_cast<float>(kBeta1), static_cast<float>(kBeta2),
           static_cast<float>(kEpsilon), correction1_, correction2_, options_.kind == OptimizerKind::adamw});
  }
}

}  // namespace ztilde
