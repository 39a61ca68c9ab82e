#include "cli/train_input.hpp"

#include "base/files.hpp"
#include "cli/class_weights.hpp"
#include "cli/input.hpp"
#include "data/on_disk.hpp"
#include "training/windows.hpp"

namespace ztilde::cli {
namespace {

// In the columns, order and classes of the model that --from names.
Dataset open_rows(const OptionTable& table, const TrainArguments& arguments, const InputFiles& files,
                  const Messages& messages) {
  const std::size_t threads = arguments.training.threads;
  if (!arguments.training.from)
    return read_labelled_rows(table, files, arguments.target, arguments.task, threads);
  if (kind_of(files) == InputKind::table) {
    table.exclude("a table", kAugmentOptions, "it has no pixels; leave it out");
  } else {
    table.exclude("images", kTableOptions, "they have no columns; leave it out");
  }
  Dataset data = read_for_model(*arguments.training.from, files, CsvOptions::Target::required, threads);
  require_given_weights(data, files);
  warn_about_columns(data, files.data, messages);
  return data;
}

}  // namespace

std::optional<NetworkFile> read_training_files(TrainArguments& arguments) {
  std::optional<NetworkFile> net;
  if (!arguments.net.empty()) net = read_network_file(arguments.net);
  if (!arguments.class_weights_file.empty())
    arguments.training.class_weights = read_class_weights(arguments.class_weights_file);
  if (arguments.only_norm) arguments.training.freeze.kind = FreezeKind::all_but_norms;
  if (!arguments.from.empty()) arguments.training.from = load(arguments.from);
  return net;
}

Dataset read_training_rows(const OptionTable& table, const TrainArguments& arguments,
                           const Messages& messages) {
  if (arguments.training.memory == 0) return open_rows(table, arguments, arguments.input, messages);
  if (kind_of(arguments.input) != InputKind::packed)
    refuse("--memory", "given with rows that are not packed; pack them first (ztilde pack), or leave it out");
  InputFiles files = arguments.input;
  files.packed_on_disk = true;
  Dataset data = open_rows(table, arguments, files, messages);
  if (!stays_on_disk(data, arguments.training)) return with_inputs_in_memory(data);
  if (arguments.split_seed)
    refuse("--split-seed",
           "rows on disk are held out by blocks and --seed; leave it out, or give more --memory");
  return data;
}

Dataset read_validation_rows(const TrainArguments& arguments, const Dataset& data, const Messages& messages) {
  Model described;
  described.task = data.task;
  described.column_names = data.column_names;
  described.column_info = data.column_info;
  described.rules = data.rules;
  described.network.inputs = data.columns;
  described.image_width = data.image_width;
  described.image_height = data.image_height;
  described.images_resized = data.images_resized;
  described.target_name = data.target_name;
  described.classes = data.classes;
  InputFiles files = arguments.valid;
  files.table = arguments.input.table;
  const bool needs_labels = kind_of(files) == InputKind::idx || kind_of(files) == InputKind::table;
  if (data.column_names.empty() && files.labels.empty() && needs_labels) {
    refuse("--valid-labels", "missing; name the IDX file with the labels of --valid");
  }
  if (kind_of(files) == InputKind::idx) files.images.layout = arguments.input.images.layout;
  Dataset valid = read_for_model(described, files, CsvOptions::Target::required, arguments.training.threads);
  warn_about_columns(valid, arguments.valid.data, messages);
  return valid;
}

void use_network(OptionTable& table, TrainArguments& arguments, const std::optional<NetworkFile>& net,
                 const Dataset& data) {
  if (!net) return;
  arguments.training.network = network_for(*net, data, arguments.training);
  if (has_layer<Conv2d>(*arguments.training.network)) use_image_standards(table, arguments);
}

Split held_out_split(const TrainArguments& arguments, const Dataset& data) {
  return split_rows(data, arguments.training.valid_fraction,
                    arguments.split_seed.value_or(arguments.training.seed));
}

}  // namespace ztilde::cli
