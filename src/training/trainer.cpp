#include "training/trainer.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

std::vector<std::size_t> sizes_of(const BatchPlan& plan) {
  std::vector<std::size_t> sizes;
  if (plan.larger_count > 0) sizes.push_back(plan.smaller + 1);
  if (plan.larger_count < plan.batches) sizes.push_back(plan.smaller);
  return sizes;
}

}  // namespace

Trainer::Trainer(Model start, const Objective& objective, const OptimiserOptions& optimiser,
                 const Batcher& batcher, Team& team, std::uint64_t seed)
    : model(std::move(start)),
      objective_(objective),
      team_(team),
      gradients_(model.parameters.size()),
      plan_(model.network, sizes_of(batcher.plan()), team.threads(), model.parameters.data(),
            gradients_.data(), model.statistics.data(), seed),
      optimiser_(model.network, optimiser, team.threads()),
      block_losses_(plan_.blocks(batcher.plan().largest()).parts + 1) {}

double Trainer::step(const Batch& batch, double rate) {
  const Cut blocks = plan_.blocks(batch.rows);
  double loss = 0;
  weight_ = loss_weight(objective_, batch);
  plan_.begin(steps_);
  optimiser_.begin(rate);
  team_.run([&](const Worker& worker) {
    plan_.forward(worker, batch);
    worker.share(blocks.parts, [&](std::size_t block) {
      const std::size_t first = blocks.first(block), rows = blocks.size(block);
      block_losses_[block] = evaluate(objective_, batch, first, weight_, plan_.output(first, rows),
                                      plan_.output_gradient(first, rows))
                                 .loss;
    });
    const bool sound = plan_.backward(worker, batch, [&] {
      for (std::size_t block = 0; block < blocks.parts; ++block) loss += block_losses_[block];
      if (weight_ > 0) loss /= weight_;
      return std::isfinite(loss);
    });
    if (sound) optimiser_.step(worker, model.parameters.data(), gradients_.data());
  });
  if (!std::isfinite(loss) || plan_.fault()) {
    throw divergence(model.network, steps_ + 1, plan_.fault() ? plan_.fault() : plan_.first_fault(batch.rows),
                     loss);
  }
  plan_.update_running(batch.rows, model.statistics, model.statistic_batches);
  ++steps_;
  return loss;
}

Error divergence(const Network& network, std::uint64_t step, const std::optional<Fault>& fault, double loss) {
  const std::string what = fault ? fmt::format("NaN or infinity in {}, channel {}",
                                               layers::label(network, fault->layer), fault->channel)
                                 : fmt::format("the loss is {}", std::isnan(loss) ? "NaN" : "infinite");
  return Error(ErrorKind::diverged,
               fmt::format("training diverged at step {}: {}; lower --lr, or try --clip 1, --norm batch or "
                           "--standardise on",
                           with_commas(step), what));
}

std::size_t Trainer::bytes() const {
  return plan_.bytes() + optimiser_.bytes() + 2 * gradients_.size() * sizeof(float);
}

}  // namespace ztilde
