#include "model/model_check.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string>
#include <variant>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "ztilde/error.hpp"

namespace ztilde::model_file {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::data, what + "; train or export the model anew");
}

void require_size(std::size_t size, std::size_t expected, const char* what) {
  if (size != expected) refuse(fmt::format("there are {} {}, the network asks for {}", size, what, expected));
}

std::size_t output_width(const Network& network) { return layer_outputs(network).back(); }

void check_image(const Model& model) {
  const std::size_t width = model.image_width, height = model.image_height, inputs = model.network.inputs;
  if (width == 0 && height == 0) return;
  if (width > 0 && height > 0 && height <= inputs / width && inputs % (width * height) == 0) return;
  refuse(fmt::format("images of {} × {} pixels are not {}, which the network takes", width, height,
                     counted(inputs, "number")));
}

void check_task(const Model& model) {
  const std::size_t outputs = output_width(model.network);
  if (model.task == Task::regress) {
    if (!model.classes.empty())
      refuse(fmt::format("a regression has {}", counted(model.classes.size(), "class")));
    if (outputs != 1) refuse(fmt::format("a regression has {} instead of 1", counted(outputs, "output")));
    return;
  }
  const std::size_t classes = model.classes.size();
  if (classes < 2)
    refuse(fmt::format("a classifier has {}", classes == 0 ? "no classes" : "1 class, and needs 2"));
  const std::size_t expected = classes == 2 ? 1 : classes;
  // Two classes may also have an output each: a network of --net that ends so.
  if (outputs != expected && outputs != classes) {
    refuse(fmt::format("there are {} class names, which ask for {}; the network has {}", classes,
                       counted(expected, "output"), outputs));
  }
}

void check_parameters(const Model& model) {
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    for (std::size_t i = 0; i < slot.size(); ++i) {
      const float number = model.parameters[slot.offset + i];
      if (std::isfinite(number)) continue;
      const std::size_t row = i / slot.columns;
      refuse(fmt::format("{}: {} is {} in channel {}, it must be finite",
                         layers::label(model.network, slot.layer), slot.name, number, row));
    }
  }
}

void check_encoding(const Model& model) {
  for (const EncodingSlot& slot : encoding_slots(model.network)) {
    const double* numbers = model.statistics.data() + slot.offset;
    for (std::size_t i = 0; i < slot.size; ++i) {
      const double number = numbers[i];
      const bool share = slot.name == "frequency", ascends = slot.name == "knots" && i > 0;
      if (std::isfinite(number) && !(share && (number < 0 || number > 1)) &&
          !(ascends && number < numbers[i - 1])) {
        continue;
      }
      refuse(fmt::format("{}: {} {} of column {} is {}, it must be {}", layers::label(model.network, 0),
                         slot.name, i, slot.column, number,
                         share     ? "from 0 to 1"
                         : ascends ? "finite and not below the one before"
                                   : "finite"));
    }
  }
}

void check_statistics(const Model& model) {
  const std::vector<StatisticSlot> slots = statistic_slots(model.network);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const StatisticSlot& slot = slots[i];
    const std::string layer = layers::label(model.network, slot.layer);
    const bool zero_allowed = !std::holds_alternative<Standardise>(model.network.layers[slot.layer]);
    for (std::size_t c = 0; c < slot.channels; ++c) {
      const double mean = model.statistics[slot.offset + c];
      const double variance = model.statistics[slot.offset + slot.channels + c];
      if (!std::isfinite(mean))
        refuse(fmt::format("{}: the mean of channel {} is {}, it must be finite", layer, c, mean));
      if (!std::isfinite(variance) || variance < 0 || (variance == 0 && !zero_allowed)) {
        refuse(fmt::format("{}: the variance of channel {} is {}, it must be finite and {}", layer, c,
                           variance, zero_allowed ? "not negative" : "above 0 (1 for a constant column)"));
      }
    }
    if (model.statistic_batches[i] > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      refuse(fmt::format("{}: its count of batches is negative or does not fit 63 bits", layer));
    }
  }
}

}  // namespace

void check_model(const Model& model) {
  check_structure(model);
  check_numbers(model);
}

void check_structure(const Model& model) {
  const Network& network = model.network;
  validate(network);
  require_size(model.parameters.size(), parameter_arena_size(network), "parameters");
  require_size(model.statistics.size(), statistic_arena_size(network), "statistics");
  require_size(model.statistic_batches.size(), statistic_slots(network).size(), "counts of batches");
  if (!model.column_names.empty()) require_size(model.column_names.size(), network.inputs, "column names");
  if (!model.column_info.empty()) {
    require_size(model.column_info.size(), network.inputs, "descriptions of columns");
  }
  check_image(model);
  check_task(model);
  const std::size_t test_rows = model.test_inputs.size() / network.inputs;
  require_size(model.test_inputs.size(), test_rows * network.inputs, "test inputs");
  require_size(model.test_outputs.size(), test_rows * output_width(network), "test outputs");
  check_encoding(model);
}

void check_numbers(const Model& model) {
  check_parameters(model);
  check_statistics(model);
}

void check_test_rows(const Model& model) {
  if (model.test_inputs.empty()) return;
  const std::vector<float> now = outputs(model, model.test_inputs, 1);
  const std::size_t width = output_width(model.network);
  require_size(now.size(), model.test_outputs.size(), "outputs of the test rows");
  std::size_t worst = 0;
  double worst_ratio = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const double then = model.test_outputs[i];
    const double ratio = std::abs(now[i] - then) / (kTestRowTolerance * (1 + std::abs(then)));
    // A NaN is worse than any number.
    if (std::isnan(ratio) || ratio > worst_ratio) {
      worst = i;
      worst_ratio = std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio;
    }
  }
  if (worst_ratio <= 1) return;
  refuse(
      fmt::format("the model gives other outputs than when it was written, furthest off in test row {}, "
                  "output {}: {} was {}",
                  worst / width, worst % width, now[worst], model.test_outputs[worst]));
}

}  // namespace ztilde::model_file
