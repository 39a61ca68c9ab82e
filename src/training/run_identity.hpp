// What must be the same for a run to be the same run: data, network, and every option that changes
// the result. A checkpoint keeps it and is continued by no other run.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ztilde/train.hpp"

namespace ztilde {

// Name and text of each part, as messages call it. A text that begins with '#' is a fingerprint.
using RunIdentity = std::vector<std::pair<std::string, std::string>>;

// valid: rows of their own for validation, or null. network: that of the run, whatever described it.
RunIdentity identity_of(const Dataset& data, const Dataset* valid, const Network& network,
                        const TrainOptions& options);

// "--lr was 0.002 and is 0.01, the targets differ"; "" where nothing differs.
std::string differences(const std::map<std::string, std::string>& then, const RunIdentity& now);

// visit(name, value) for each option that changes the result, but those that describe the network,
// which is compared as a whole; with the names of the command line.
template <class Visit>
void for_each_option(const TrainOptions& options, Visit&& visit) {
  visit("--init", options.init);
  visit("--init normal:", options.init_std);
  visit("the scale of --init", options.init_scale);
  visit("--optimizer", options.optimizer);
  visit("--lr", options.learning_rate.value_or(default_learning_rate(options.optimizer)));
  visit("--schedule", options.schedule);
  visit("--warmup", options.warmup_steps);
  visit("--weight-decay", options.weight_decay.value_or(default_weight_decay(options.optimizer)));
  visit("--decay-all", options.decay_all);
  visit("--clip", options.clip_norm);
  visit("--class-weights", options.class_weights);
  visit("--flip", options.augment.flip);
  visit("--shift", options.augment.shift);
  visit("--cutout", options.augment.cutout);
  visit("--label-smoothing", options.label_smoothing);
  visit("--average-weights", options.average_weights);
  visit("--epochs", options.epochs);
  visit("--batch", options.batch);
  visit("--ghost", options.ghost);
  visit("--patience", options.patience);
  visit("--valid-fraction", options.valid_fraction);
  visit("--statistics", options.statistics);
  visit("--freeze-parameters", options.freeze);
  visit("--freeze-statistics", options.freeze_statistics);
  visit("whether ranks share a batch", options.transport != nullptr);
  const bool apart = options.transport && !options.synchronised_statistics;
  visit("the ranks with statistics of their own (--sync-statistics off)",
        apart ? options.transport->count() : 0);
  visit("--seed", options.seed);
}

}  // namespace ztilde
