#include "training/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kLeastGhostRows = 2;

BatchPlan groups_of(std::size_t rows, std::size_t ghost) {
  return plan_batches(rows, ghost == 0 ? rows : ghost, std::min(rows, kLeastGhostRows));
}

std::vector<std::size_t> sizes_of(const BatchPlan& plan) {
  std::vector<std::size_t> sizes;
  if (plan.larger_count > 0) sizes.push_back(plan.smaller + 1);
  if (plan.larger_count < plan.batches) sizes.push_back(plan.smaller);
  return sizes;
}

// Every number of rows that the plan is run with, largest first.
std::vector<std::size_t> group_sizes(const BatchPlan& batches, std::size_t ghost) {
  std::set<std::size_t, std::greater<>> sizes;
  for (const std::size_t rows : sizes_of(batches)) {
    for (const std::size_t size : sizes_of(groups_of(rows, ghost))) sizes.insert(size);
  }
  return {sizes.begin(), sizes.end()};
}

}  // namespace

Trainer::Trainer(Model start, const Objective& objective, const OptimiserOptions& optimiser,
                 const BatchPlan& batches, std::size_t ghost, Team& team, std::uint64_t seed, PlanRanks ranks)
    : model(std::move(start)),
      objective_(objective),
      team_(team),
      exchange_(ranks.exchange),
      ghost_(ghost),
      most_groups_(groups_of(batches.largest(), ghost).batches),
      gradients_(model.parameters.size()),
      sum_(most_groups_ > 1 ? model.parameters.size() : 0),
      plan_(model.network, group_sizes(batches, ghost), team.threads(), model.parameters.data(),
            gradients_.data(), model.statistics.data(), seed, ranks),
      optimiser_(model.network, optimiser, team.threads()),
      block_losses_(plan_.blocks(group_sizes(batches, ghost).front()).parts + 1),
      seed_(seed),
      augmented_{{}, {}, {seed, Purpose::augment, 0, 0}} {
  if (most_groups_ == 1) return;
  statistics_before_ = model.statistics;
  statistic_batches_before_ = model.statistic_batches;
}

void Trainer::augment(const Augmentation& augmentation, const Shape& image) {
  augmented_.augmentation = augmentation;
  augmented_.image = image;
}

double Trainer::step(const Batch& batch, double rate) {
  const double loss = run(batch, rate);
  ++steps_;
  return loss;
}

double Trainer::find_gradients(const Batch& batch) { return run(batch, std::nullopt); }

void Trainer::apply(double rate) {
  optimiser_.begin(rate);
  team_.run(
      [&](const Worker& worker) { optimiser_.step(worker, model.parameters.data(), gradients().data()); });
  ++steps_;
}

double Trainer::run(const Batch& given, std::optional<double> rate) {
  Batch batch = given;
  if (augmented_.augmentation.any()) {
    augmented_.chance = RandomStream(seed_, Purpose::augment, 0, steps_);
    augmented_.first_row = 0;
    batch.augmented = &augmented_;
  }
  plan_.watch(0).start();
  weight_ = loss_weight(objective_, batch);
  if (rate) optimiser_.begin(*rate);
  if (most_groups_ == 1) return run_group(batch, 0, true, rate);

  std::ranges::copy(model.statistics, statistics_before_.begin());
  std::ranges::copy(model.statistic_batches, statistic_batches_before_.begin());
  const BatchPlan groups = groups_of(batch.rows, ghost_);
  double loss = 0;
  for (std::size_t group = 0; group < groups.batches; ++group) {
    Batch rows = batch;
    rows.row_index += groups.first_row(group);
    rows.rows = groups.size(group);
    augmented_.first_row = groups.first_row(group);
    loss += run_group(rows, group, group + 1 == groups.batches, rate);
  }
  return loss;
}

double Trainer::run_group(const Batch& batch, std::size_t index, bool last, std::optional<double> rate) {
  const Cut blocks = plan_.blocks(batch.rows);
  double loss = 0;
  plan_.begin(steps_ * most_groups_ + index);
  plan_.watch(0).lap(Work::other);
  team_.run([&](const Worker& worker) {
    Stopwatch& watch = plan_.watch(worker.index);
    if (worker.index > 0) watch.start();  // the first worker is the caller, whose watch goes on
    plan_.forward(worker, batch);
    plan_.for_own_blocks(worker, batch.rows, [&](std::size_t block) {
      const std::size_t first = blocks.first(block), rows = blocks.size(block);
      block_losses_[block] = evaluate(objective_, batch, first, weight_, plan_.output(first, rows),
                                      plan_.output_gradient(first, rows))
                                 .loss;
    });
    const bool sound = plan_.backward(worker, batch, [&] {
      share_losses(batch);
      for (std::size_t block = 0; block < blocks.parts; ++block) loss += block_losses_[block];
      if (weight_ > 0) loss /= weight_;
      return std::isfinite(loss);
    });
    if (!sound) return;
    if (most_groups_ > 1) {
      const Cut parts{sum_.size(), worker.count};
      const std::size_t first = parts.first(worker.index), end = first + parts.size(worker.index);
      for (std::size_t i = first; i < end; ++i)
        sum_[i] = index == 0 ? gradients_[i] : sum_[i] + gradients_[i];
      worker.sync();
    }
    if (!last || !rate) return;
    optimiser_.step(worker, model.parameters.data(), gradients().data());
    watch.lap(Work::optimiser);
  });
  plan_.watch(0).lap(Work::other);
  if (exchange_ && exchange_->failed()) throw Error(ErrorKind::io, exchange_->problem());
  if (!plan_.went_on()) {
    if (most_groups_ > 1) {
      std::ranges::copy(statistics_before_, model.statistics.begin());
      std::ranges::copy(statistic_batches_before_, model.statistic_batches.begin());
    }
    throw divergence(model.network, steps_ + 1, plan_.fault() ? plan_.fault() : plan_.first_fault(batch.rows),
                     loss);
  }
  plan_.update_running(batch.rows, model.statistics, model.statistic_batches);
  return loss;
}

void Trainer::share_losses(const Batch& batch) {
  if (exchange_) plan_.share_by_block(batch.rows, std::span(block_losses_));
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

void Trainer::watch_time() {
  for (std::size_t w = 0; w < plan_.workers(); ++w) plan_.watch(w).turn_on();
  tick_ = {};
}

TimeSplit Trainer::time() const {
  const auto spent = [&](Work work) {
    std::uint64_t sum = 0;
    for (std::size_t w = 0; w < plan_.workers(); ++w) sum += plan_.watch(w).spent(work);
    return static_cast<double>(sum) * tick_.seconds();
  };
  TimeSplit time;
  time.products = spent(Work::products);
  time.normalisation = spent(Work::normalisation);
  time.data = spent(Work::data);
  time.optimiser = spent(Work::optimiser);
  // The first worker is there for the whole of every step, the others are woken up for their part.
  const double steps = static_cast<double>(plan_.watch(0).total()) * tick_.seconds();
  const double all = steps * static_cast<double>(plan_.workers());
  time.other = std::max(0.0, all - time.products - time.normalisation - time.data - time.optimiser);
  return time;
}

std::size_t Trainer::bytes() const {
  return plan_.bytes() + optimiser_.bytes() + (2 * gradients_.size() + sum_.size()) * sizeof(float);
}

}  // namespace ztilde
