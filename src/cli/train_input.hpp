// What a training is given: its rows, those it is validated with, and the files that its options name.
#pragma once

#include <optional>

#include "cli/network_file.hpp"
#include "cli/options.hpp"
#include "cli/streams.hpp"
#include "cli/train_options.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde::cli {

// The files of --net, --class-weights and --from into arguments.training, but for the network, which wants
// to know the rows.
std::optional<NetworkFile> read_training_files(TrainArguments& arguments);

// The rows to learn from: in the columns, order and classes of the model that --from names; on disk where
// --memory leaves them there.
Dataset read_training_rows(const OptionTable& table, const TrainArguments& arguments,
                           const Messages& messages);
// Those of --valid, in the training rows' columns, order and classes.
Dataset read_validation_rows(const TrainArguments& arguments, const Dataset& data, const Messages& messages);

// The network of --net for these rows, with what trains such a network well.
void use_network(OptionTable& table, TrainArguments& arguments, const std::optional<NetworkFile>& net,
                 const Dataset& data);

// Which rows of --data are trained on and which are held out.
Split held_out_split(const TrainArguments& arguments, const Dataset& data);

}  // namespace ztilde::cli
