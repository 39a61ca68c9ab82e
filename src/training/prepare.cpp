#include "training/prepare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/text.hpp"
#include "data/on_disk.hpp"
#include "layers/encode.hpp"
#include "model/inputs.hpp"
#include "model/scoring.hpp"
#include "plan/population.hpp"
#include "training/class_weights.hpp"
#include "training/encoding.hpp"
#include "training/initialise.hpp"
#include "training/memory_needed.hpp"
#include "training/start.hpp"
#include "training/windows.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::data, message); }

std::string column_label(const Dataset& data, std::size_t column) {
  return data.column_names.empty() ? fmt::format("{}", column + 1) : printable(data.column_names[column]);
}

// At most a few of many.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kNamed = 5;
  const std::size_t shown = std::min(names.size(), kNamed);
  return fmt::format("{}{}",
                     fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                     names.size() > kNamed ? ", …" : "");
}

void require_none_missing(const Dataset& data, const std::vector<std::size_t>& missing) {
  std::vector<std::string> names;
  for (std::size_t c = 0; c < missing.size(); ++c) {
    if (missing[c] > 0) names.push_back(fmt::format("{} {}", column_label(data, c), with_commas(missing[c])));
  }
  if (names.empty()) return;
  refuse(fmt::format("numbers are missing in {} ({}); give --missing mean or --missing indicator",
                     counted(names.size(), "column"), listed(names)));
}

// Without pixels where the rows are no images.
Shape image_of(const Dataset& data) { return {data.image_height, data.image_width, data.image_channels()}; }

std::optional<Encode> encode_for(const Dataset& data, const TrainOptions& options) {
  const std::vector<std::size_t> missing = missing_numbers(data);
  if (data.rules.missing == MissingUse::refuse) require_none_missing(data, missing);
  std::vector<Column> columns = data.column_info;
  columns.resize(data.columns);
  std::vector<bool> is_missing(missing.begin(), missing.end());
  return encode_for(
      columns, is_missing,
      {data.is_bytes() ? MissingUse::refuse : data.rules.missing, options.quantile, options.one_hot_most});
}

// A network of the user's own knows as many categories as the table has, in the same columns.
void require_encoding_fits(const Network& network, const Dataset& data) {
  const auto* encode = std::get_if<Encode>(&network.layers.front());
  for (std::size_t c = 0; c < data.column_info.size(); ++c) {
    const std::size_t given = encode ? encode->columns[c].categories : 0;
    const std::size_t there = data.column_info[c].categories.size();
    if (given == there) continue;
    refuse(fmt::format(
        "column {} has {}, the network encodes {}; {}", column_label(data, c),
        there == 0 ? std::string("numbers") : counted(there, "category"),
        given == 0 ? std::string("numbers") : counted(given, "category"),
        encode ? "set its \"categories\" in the encode layer" : "begin the network with an encode layer"));
  }
}

Network network_for(const Dataset& data, const TrainOptions& options) {
  if (options.from) return options.from->network;
  const std::size_t outputs = outputs_for(data.task, data.classes.size());
  if (!options.network) {
    const Network network = dense_network({.inputs = data.columns,
                                           .outputs = outputs,
                                           .encode = encode_for(data, options),
                                           .hidden = options.hidden,
                                           .activation = options.activation,
                                           .batch_norm = options.batch_norm,
                                           .norm_place = options.norm_place,
                                           .epsilon = options.epsilon,
                                           .keep = options.keep,
                                           .standardise = options.standardise,
                                           .dropout = options.dropout});
    validate(network);
    return network;
  }
  const Network& network = *options.network;
  validate(network);
  if (network.inputs != data.columns) {
    refuse(fmt::format("the network takes {}, the data have {}; set \"inputs\" to {}",
                       counted(network.inputs, "input"), with_commas(data.columns), data.columns));
  }
  require_encoding_fits(network, data);
  const std::size_t given = layer_outputs(network).back();
  if (given != outputs && !(data.task == Task::classify && given == data.classes.size())) {
    refuse(fmt::format("the network ends with {}, {} needs {}; set the last dense layer's \"outputs\" to {}",
                       counted(given, "output"),
                       data.task == Task::regress
                           ? std::string("regression")
                           : fmt::format("classification into {} classes", data.classes.size()),
                       outputs, outputs));
  }
  return network;
}

void check_augmentation(const Dataset& data, const Network& network, const Augmentation& augment) {
  if (!augment.any()) return;
  if (data.image_width == 0) {
    refuse(
        "--flip, --shift and --cutout change images, and these rows have no width and height; leave them "
        "out");
  }
  if (std::holds_alternative<Encode>(network.layers.front())) {
    refuse(
        "--flip, --shift and --cutout change images, and the network begins with an encode layer, as for "
        "tables; leave one of the two out");
  }
  const std::size_t side = std::min(data.image_width, data.image_height);
  if (augment.shift >= side) {
    refuse(fmt::format("--shift {} may push images of {} × {} pixels out of sight; give less than {}",
                       augment.shift, data.image_width, data.image_height, side));
  }
  if (augment.cutout > side) {
    refuse(fmt::format("--cutout {} is larger than images of {} × {} pixels; give at most {}", augment.cutout,
                       data.image_width, data.image_height, side));
  }
}

void check_valid_set(const Dataset& data, const Dataset& valid) {
  if (valid.columns != data.columns) {
    refuse(fmt::format("the validation rows have {}, the training rows {}; give both the same columns",
                       counted(valid.columns, "column"), with_commas(data.columns)));
  }
  if (valid.image_width != data.image_width && valid.image_width > 0 && data.image_width > 0) {
    refuse(
        fmt::format("the validation images are {} × {} pixels, those to train on {} × {}; bring all to one "
                    "size",
                    valid.image_width, valid.image_height, data.image_width, data.image_height));
  }
  if (valid.targets.empty())
    refuse("the validation rows have no target; give them labels or a target column");
  if (valid.rows == 0) refuse("the validation set has no rows; leave it out or give it some");
}

// A class of the validation set by its index in the training set's classes.
void require_same_classes(const Dataset& data, const Dataset& valid) {
  if (data.task != valid.task)
    refuse("training and validation targets differ in kind; one is a class, the other a number");
  if (!are_first_classes(valid.classes, data.classes)) {
    refuse("the validation rows have other classes than the training rows; give both the same classes");
  }
}

// Where the last layer is Dense with a bias, the target is trained standardised and the layer's
// weights take the target's units at the end; elsewhere there is nothing to fold into.
bool can_fold_target(const Network& network) {
  const auto* last = std::get_if<Dense>(&network.layers.back());
  return last && last->bias;
}

void standardise_target(const Batch& rows, Objective& objective) {
  double mean = 0, squares = 0;
  const double count = loss_weight(objective, rows);
  const auto weight = [&](std::uint32_t row) { return rows.weights ? double{rows.weights[row]} : 1.0; };
  for (std::size_t r = 0; r < rows.rows; ++r) {
    mean += weight(rows.row_index[r]) * rows.targets[rows.row_index[r]] / count;
  }
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const double distance = rows.targets[rows.row_index[r]] - mean;
    squares += weight(rows.row_index[r]) * (distance * distance);
  }
  objective.target_mean = mean;
  objective.target_std = squares > 0 ? std::sqrt(squares / count) : 1;
}

void require_weight(const Objective& objective, const Batch& rows, const char* which) {
  if (loss_weight(objective, rows) > 0) return;
  refuse(fmt::format("the {} rows all weigh 0; give some of them or their classes a weight above 0", which));
}

// what: "constant in the training rows"
std::string zero_columns_warning(const std::vector<std::size_t>& columns, const char* what,
                                 const Dataset& data) {
  std::vector<std::string> names;
  for (const std::size_t column : columns) names.push_back(column_label(data, column));
  return fmt::format("{} {} in the training rows and {} 0: {}",
                     columns.size() == 1 ? "1 column is" : with_commas(columns.size()) + " columns are", what,
                     columns.size() == 1 ? "becomes" : "become", listed(names));
}

// Standardise works on numbers alone: every column, or the numeric ones of an Encode layer. Returns the
// constant columns.
std::vector<std::size_t> measure_standardise(const StatisticSlot& slot, const Batch& all_rows, Team& team,
                                             Model& model) {
  const Shape input = model.network.input_shape();
  if (input.pixels() > 1) {
    const std::span<double> both = std::span(model.statistics).subspan(slot.offset, 2 * slot.channels);
    return measure_image_inputs(all_rows, input, team, both.first(slot.channels), both.last(slot.channels));
  }
  const auto* encode = std::get_if<Encode>(&model.network.layers.front());
  const std::size_t count = encode ? layers::layout_of(*encode).values : slot.channels;
  const std::span<double> statistics(model.statistics);
  const Encoder encoder(model.network, model.parameters.data(), nullptr, model.statistics.data());
  std::vector<std::size_t> constant =
      measure_inputs(all_rows, count, team, statistics.subspan(slot.offset, count),
                     statistics.subspan(slot.offset + slot.channels, count), encoder);
  if (!encode) return constant;
  std::vector<std::size_t> numeric;  // columns
  for (std::size_t c = 0; c < encode->columns.size(); ++c) {
    if (encode->columns[c].kind == Encoding::numeric) numeric.push_back(c);
  }
  for (std::size_t& value : constant) value = numeric[value];
  return constant;
}

// Running statistics are of the weights of the last steps, and know nothing of their average.
void require_average(const Network& network, const TrainOptions& options) {
  if (!(options.average_weights >= 0 && options.average_weights < 1))
    refuse(
        fmt::format("an average that keeps {} of itself is none; give --average-weights 0 up to less than 1",
                    options.average_weights));
  if (options.average_weights == 0 || options.statistics == StatisticsSource::population) return;
  if (has_layer<BatchNorm>(network))
    refuse(
        "running statistics do not belong to averaged weights; leave out --statistics running or "
        "--average-weights");
}

// Statistics that stay are those of a model, and of no part of a batch.
void require_frozen_statistics(const TrainOptions& options) {
  if (!options.freeze_statistics) return;
  if (!options.from)
    refuse(
        "a new network has no statistics to freeze; give the model to start --from, or leave out "
        "--freeze-statistics");
  if (!has_layer<BatchNorm>(options.from->network))
    refuse("the model has no batch norm, whose statistics --freeze-statistics would keep; leave it out");
  if (options.ghost > 0)
    refuse(
        "groups of --ghost have statistics of their own, and --freeze-statistics keeps the model's; leave "
        "one "
        "of the two out");
}

// Which rows are held out, where there are none apart: of rows on disk whole blocks, which are read alone.
Split split_for(const Dataset& data, bool valid_apart, const TrainOptions& options) {
  if (valid_apart || options.valid_fraction <= 0) {
    Split all;
    all.train.resize(data.rows);
    std::iota(all.train.begin(), all.train.end(), 0u);
    return all;
  }
  return stays_on_disk(data, options) ? split_blocks(data, options.valid_fraction, options.seed)
                                      : split_rows(data, options.valid_fraction, options.seed);
}

// Everything as the model has it.
void go_on_from(const Model& from, PreparedRun& run) {
  run.model.parameters = from.parameters;
  run.model.statistics = from.statistics;
  run.model.statistic_batches = from.statistic_batches;
  if (run.model.task == Task::regress && can_fold_target(run.model.network))
    unfold_target(run.model.network, run.objective, run.model.parameters);
}

// Parameters as the options say, what is fixed before training as the rows do.
void begin_anew(const Dataset& data, const TrainOptions& options, Team& team, PreparedRun& run) {
  initialise_parameters(run.model.network, {options.init, options.init_std, options.init_scale}, options.seed,
                        run.model.parameters);
  initialise_statistics(run.model.network, run.model.statistics);
  const std::vector<std::size_t> missing =
      measure_encoding(run.model.network, run.batcher.all(), team, run.model.statistics);
  if (!missing.empty()) run.warnings.push_back(zero_columns_warning(missing, "missing", data));
  for (const StatisticSlot& slot : statistic_slots(run.model.network)) {
    if (!std::holds_alternative<Standardise>(run.model.network.layers[slot.layer])) continue;
    const std::vector<std::size_t> constant = measure_standardise(slot, run.batcher.all(), team, run.model);
    run.model.statistic_batches.front() = 1;
    if (!constant.empty()) run.warnings.push_back(zero_columns_warning(constant, "constant", data));
  }
}

}  // namespace

void require_label_smoothing(double smoothing, Task task) {
  if (!(smoothing >= 0 && smoothing < 1))
    refuse(fmt::format("a label smoothing of {} leaves no target; give --label-smoothing 0 up to less than 1",
                       smoothing));
  if (smoothing > 0 && task == Task::regress)
    refuse("the target is numbers, and label smoothing needs classes; leave it out");
}

NetworkGaps network_gaps(const Dataset& data, const TrainOptions& options) {
  NetworkGaps gaps;
  gaps.input = data.image_width > 0 ? image_of(data) : Shape{1, 1, data.columns};
  gaps.outputs = outputs_for(data.task, data.classes.size());
  if (data.task == Task::classify && data.classes.size() != gaps.outputs)
    gaps.more_outputs = data.classes.size();
  gaps.encode = encode_for(data, options);
  return gaps;
}

PreparedRun prepare_run(const Dataset& data, const Dataset* valid, const TrainOptions& options, Team& team,
                        const Split* chosen) {
  if (data.rows == 0) refuse("the data have no rows");
  if (data.targets.empty()) refuse("the data have no target; give labels or a target column");
  if (data.task == Task::classify && data.classes.size() < 2)
    refuse("the data have one class only; there is nothing to learn");
  if (data.rows > std::numeric_limits<std::uint32_t>::max())
    refuse("the data have more than 4,294,967,295 rows; use a part");
  if (options.epochs == 0) refuse("0 epochs would train nothing; give at least 1");
  if (options.ghost == 1)
    refuse("ghost groups of 1 row have no variance; give --ghost 16 or more, or 0 for none");

  require_label_smoothing(options.label_smoothing, data.task);

  const bool on_disk = stays_on_disk(data, options);
  on_disk ? require_sound_rows(data) : require_sound(data);
  if (valid) {
    check_valid_set(data, *valid);
    require_same_classes(data, *valid);
  }

  require_frozen_statistics(options);
  if (options.from) require_same_kind(*options.from, data);

  Model model;
  model.network = network_for(data, options);
  std::vector<bool> frozen = frozen_slots(model.network, options.freeze);
  check_augmentation(data, model.network, options.augment);
  require_average(model.network, options);
  require_memory(model.network, rows_of_a_pass(data, data.rows, options), valid || options.valid_fraction > 0,
                 memory_of(data) + (valid ? memory_of(*valid) : 0), options);
  std::unique_ptr<RowPager> pager;
  if (on_disk) {
    require_disk_training(model.network, data, valid, options);
    require_stored_inputs(data, model.network);
    pager = std::make_unique<RowPager>(data, window_order(data, options).window_blocks);
  }
  const RowSource source = pager ? pager->source() : whole(data, model.network).source;
  model.task = data.task;
  model.column_names = data.column_names;
  model.column_info = data.column_info;
  model.rules = data.rules;
  model.image_width = data.image_width;
  model.image_height = data.image_height;
  model.images_resized = data.images_resized;
  model.target_name = data.target_name;
  model.classes = data.classes;
  if (options.from) {
    model.rules = options.from->rules;
    if (!data.rules.weight_name.empty()) model.rules.weight_name = data.rules.weight_name;
    model.image_width = options.from->image_width;
    model.image_height = options.from->image_height;
    model.images_resized = options.from->images_resized;
    // A model of another program may know only how many columns it takes.
    const bool counted_only = options.from->column_names.empty() && options.from->image_width == 0;
    if (!counted_only) model.column_names = options.from->column_names;
    if (!options.from->target_name.empty()) model.target_name = options.from->target_name;
  }
  model.parameters.resize(parameter_arena_size(model.network));
  model.statistics.resize(statistic_arena_size(model.network));
  model.statistic_batches.resize(statistic_slots(model.network).size());

  Split split = chosen ? *chosen : split_for(data, valid != nullptr, options);
  std::vector<std::uint32_t>& train_rows = split.train;

  // A row that counts for nothing is left out: no batch is without weight, and bits are the same.
  if (!data.weights.empty()) {
    std::erase_if(train_rows, [&](std::uint32_t row) { return data.weights[row] == 0; });
    if (train_rows.empty()) refuse("the training rows all weigh 0; give some a weight above 0");
  }

  const BatchPlan batches =
      plan_batches(train_rows.size(), options.batch, has_layer<BatchNorm>(model.network) ? 2 : 1);
  const float* weights = data.weights.empty() ? nullptr : data.weights.data();
  const Objective objective = objective_of(data.task, layer_outputs(model.network).back());
  PreparedRun run{std::move(model),
                  objective,
                  objective,
                  Batcher(source, data.targets.data(), std::move(train_rows), batches, options.seed, weights,
                          on_disk ? window_order(data, options) : WindowOrder{}),
                  std::nullopt,
                  std::move(split.valid),
                  {},
                  {},
                  {}};
  if (valid) run.valid = whole(*valid, run.model.network);
  if (!run.valid_rows.empty()) {
    run.valid = Batch{source, run.valid_rows.data(), run.valid_rows.size(), data.targets.data(), weights};
  }
  run.objective.class_weights = class_weights_for(data, run.batcher.all(), options.class_weights);
  require_weight(run.objective, run.batcher.all(), "training");
  if (run.valid) require_weight(run.objective, *run.valid, "validation");
  if (run.model.task == Task::regress && can_fold_target(run.model.network)) {
    standardise_target(run.batcher.all(), run.objective);
  }
  run.pager = std::move(pager);
  run.minimised = run.objective;
  run.minimised.label_smoothing = options.label_smoothing;
  if (has_layer<BatchNorm>(run.model.network) && batches.smaller == 2) {
    run.warnings.push_back(
        "batches of 2 rows leave batch norm with signs only (x_norm is ±1); give --batch 16 or more");
  }

  if (options.from) {
    go_on_from(*options.from, run);
  } else {
    begin_anew(data, options, team, run);
  }
  // A frozen table has the last row that training would end with.
  if (options.freeze.kind != FreezeKind::none)
    average_unseen(run.model.network, run.model.statistics, run.model.parameters);
  run.frozen = std::move(frozen);

  run.image = image_of(data);
  run.optimiser = {options.optimizer, options.weight_decay.value_or(default_weight_decay(options.optimizer)),
                   options.decay_all, options.clip_norm,
                   run.frozen,        options.average_weights};
  run.schedule = {options.schedule, options.learning_rate.value_or(default_learning_rate(options.optimizer)),
                  static_cast<std::uint64_t>(batches.batches) * options.epochs, options.warmup_steps};
  return run;
}

}  // namespace ztilde
