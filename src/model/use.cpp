// A trained model in use: outputs, predictions, scores.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "model/inputs.hpp"
#include "model/objective.hpp"
#include "model/scoring.hpp"
#include "plan/inference_plan.hpp"
#include "ztilde/error.hpp"
#include "ztilde/model.hpp"

namespace ztilde {
namespace {

void require_size(const char* what, std::size_t size, std::size_t expected) {
  if (size == expected) return;
  throw Error(ErrorKind::data, fmt::format("the data have {} {} where their rows and columns ask for {}",
                                           with_commas(size), what, with_commas(expected)));
}

void require_sound_weights(const Dataset& data) {
  if (data.weights.empty()) return;
  require_size("weights", data.weights.size(), data.rows);
  double sum = 0;
  for (std::size_t r = 0; r < data.rows; ++r) {
    const float weight = data.weights[r];
    sum += weight;
    if (std::isfinite(weight) && weight >= 0) continue;
    throw Error(ErrorKind::data, fmt::format("the weight is {} in row {}; weights are 0 or more", weight, r));
  }
  if (sum == 0) throw Error(ErrorKind::data, "all weights are 0; give some rows a weight above 0");
}

void require_sound_shape(const Dataset& data) {
  if (data.columns == 0) throw Error(ErrorKind::data, "the data have no columns; give them at least one");
  if (data.rows > 0 && data.rows * data.columns / data.rows != data.columns) {
    throw Error(ErrorKind::data, "the data have more rows and columns than memory holds");
  }
  if (data.image_width > 0 || data.image_height > 0) {
    const std::size_t width = data.image_width, height = data.image_height;
    if (width == 0 || height == 0 || height > data.columns / width || data.columns % (width * height) != 0) {
      throw Error(ErrorKind::data,
                  fmt::format("the data have images of {} × {} pixels and {} in a row, which is not a whole "
                              "number of channels",
                              width, height, counted(data.columns, "number")));
    }
  }
}

std::size_t output_count(const Model& model) { return layer_outputs(model.network).back(); }

}  // namespace

void require_columns(const Model& model, const Dataset& data) {
  if (data.columns != model.network.inputs) {
    throw Error(ErrorKind::data,
                fmt::format("the data have {}, the model was trained on {}; give it the same columns",
                            counted(data.columns, "column"), with_commas(model.network.inputs)));
  }
  if (model.image_width > 0 && data.image_width > 0 &&
      (data.image_width != model.image_width || data.image_height != model.image_height)) {
    throw Error(ErrorKind::data,
                fmt::format("the images are {} × {} pixels, the model takes {} × {}; bring them to that size",
                            data.image_width, data.image_height, model.image_width, model.image_height));
  }
  if (!model.column_names.empty() && !data.column_names.empty() && model.column_names != data.column_names) {
    throw Error(ErrorKind::data,
                "the data's columns are not the model's, in the model's order; give it the columns it was "
                "trained on");
  }
  if (model.column_info != data.column_info) {
    throw Error(ErrorKind::data,
                "the data's categories are not the model's; read the table with the columns of the model");
  }
}

struct Predictor::Implementation {
  static std::optional<Encode> encode_of(const Network& network) {
    const auto* encode = std::get_if<Encode>(&network.layers.front());
    return encode ? std::optional(*encode) : std::nullopt;
  }

  Implementation(const Model& model, std::size_t largest, std::size_t threads)
      : columns(model.network.inputs),
        count(output_count(model)),
        largest_batch(largest),
        encode(encode_of(model.network)),
        team(InferencePlan::workers_for(model.network, largest, threads)),
        plan(model.network, largest, team.threads(), model.parameters.data(), model.statistics.data()) {}

  std::size_t columns, count, largest_batch;
  std::optional<Encode> encode;
  Team team;
  InferencePlan plan;
};

Predictor::Predictor(const Model& model, std::size_t largest_batch, std::size_t threads)
    : implementation_(std::make_unique<Implementation>(model, largest_batch, threads)) {}
Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;

void Predictor::run(std::span<const float> inputs, std::span<float> outputs) {
  Implementation& made = *implementation_;
  const std::size_t rows = inputs.size() / made.columns;
  if (rows * made.columns != inputs.size() || rows > made.largest_batch ||
      outputs.size() != rows * made.count) {
    throw Error(ErrorKind::data,
                fmt::format("{} input and {} output numbers; give at most {} of {} inputs and {} outputs",
                            inputs.size(), outputs.size(), counted(made.largest_batch, "row"), made.columns,
                            made.count));
  }
  if (made.encode) require_inputs(inputs, *made.encode);
  const Batch batch{{nullptr, inputs.data(), made.columns}, nullptr, rows, nullptr};
  made.plan.run(made.team, batch, [&](const Worker&, std::size_t, std::size_t first_row, kernels::View out) {
    copy_rows(out, {outputs.data() + first_row * made.count, out.rows, made.count});
  });
}

std::vector<float> outputs(const Model& model, const std::vector<float>& inputs, std::size_t threads) {
  const std::size_t columns = model.network.inputs;
  if (inputs.size() % columns != 0) {
    throw Error(ErrorKind::data,
                fmt::format("{} input numbers are not whole rows of {}", inputs.size(), columns));
  }
  const std::size_t rows = inputs.size() / columns;
  std::vector<float> result(rows * output_count(model));
  Predictor(model, rows, threads).run(inputs, result);
  return result;
}

Predictions predict(const Model& model, const Dataset& data, std::size_t threads) {
  require_columns(model, data);
  const std::size_t classes = model.classes.size();
  Predictions predictions;
  predictions.values.resize(data.rows);
  if (model.task == Task::classify) predictions.probabilities.resize(data.rows * classes);
  Team team(InferencePlan::workers_for(model.network, data.rows, threads));
  InferencePlan plan(model.network, data.rows, team.threads(), model.parameters.data(),
                     model.statistics.data());
  plan.run(team, whole(data, model.network),
           [&](const Worker&, std::size_t, std::size_t first_row, kernels::View out) {
             if (model.task == Task::classify) kernels::probabilities(out);
             for (std::size_t r = 0; r < out.rows; ++r) {
               const float* of_row = out.row(r);
               float& value = predictions.values[first_row + r];
               if (model.task == Task::regress) {
                 value = of_row[0];
                 continue;
               }
               float* probabilities = predictions.probabilities.data() + (first_row + r) * classes;
               if (out.channels == 1) {
                 probabilities[0] = 1 - of_row[0];
                 probabilities[1] = of_row[0];
               } else {
                 std::copy_n(of_row, classes, probabilities);
               }
               value = static_cast<float>(std::max_element(probabilities, probabilities + classes) -
                                          probabilities);
             }
           });
  return predictions;
}

void require_labelled(const Model& model, const Dataset& data) {
  require_columns(model, data);
  if (data.rows == 0) throw Error(ErrorKind::data, "the data have no rows; there is nothing to evaluate");
  if (data.targets.empty())
    throw Error(ErrorKind::data, "the data have no target; give labels or a target column");
  if (data.task != model.task || !are_first_classes(data.classes, model.classes)) {
    throw Error(ErrorKind::data,
                "the data's classes are not the model's; give it rows of the classes it was trained on");
  }
}

Scores evaluate(const Model& model, const Dataset& data, std::size_t threads) {
  require_labelled(model, data);
  Team team(InferencePlan::workers_for(model.network, data.rows, threads));
  InferencePlan plan(model.network, data.rows, team.threads(), model.parameters.data(),
                     model.statistics.data());
  return score_fully(plan, team, whole(data, model.network), objective_of(model.task, output_count(model)),
                     model.classes.size());
}

Model first_layers(const Model& model, std::size_t layers) {
  if (layers == 0 || layers > model.network.layers.size()) {
    throw Error(ErrorKind::data, fmt::format("the first {} layers of a network of {}; give 1 to {}", layers,
                                             model.network.layers.size(), model.network.layers.size()));
  }
  Model first = model;
  first.network.layers.resize(layers);
  first.parameters.resize(parameter_arena_size(first.network));
  first.statistics.resize(statistic_arena_size(first.network));
  first.statistic_batches.resize(statistic_slots(first.network).size());
  first.test_inputs.clear();
  first.test_outputs.clear();
  first.fold_certificate.reset();
  first.drift.reset();
  return first;
}

void require_sound(const Dataset& data) {
  if (data.store) {
    throw Error(ErrorKind::data,
                "the inputs are on disk, and training alone takes them from there; read them into memory "
                "(read_packed)");
  }
  require_sound_shape(data);
  require_size("input numbers", data.bytes.size() + data.floats.size(), data.rows * data.columns);
  if (data.is_bytes()) require_size("float inputs beside their bytes", data.floats.size(), 0);
  require_sound_rows(data);
}

void require_sound_rows(const Dataset& data) {
  require_sound_shape(data);
  if (!data.targets.empty()) require_size("targets", data.targets.size(), data.rows);
  require_sound_weights(data);
  const auto classes = static_cast<float>(data.classes.size());
  for (std::size_t r = 0; r < data.targets.size(); ++r) {
    const float target = data.targets[r];
    const bool sound = data.task == Task::regress
                           ? std::isfinite(target)
                           : target >= 0 && target < classes && target == std::floor(target);
    if (sound) continue;
    throw Error(ErrorKind::data,
                data.task == Task::regress
                    ? fmt::format("the target is {} in row {}; fill it in or leave the row out", target, r)
                    : fmt::format("the target is {} in row {}; it must be the index of one of {}", target, r,
                                  counted(data.classes.size(), "class")));
  }
}

Batch whole(const Dataset& data, const Network& network) {
  require_sound(data);
  require_inputs(data, network);
  return {{data.is_bytes() ? data.bytes.data() : nullptr, data.is_bytes() ? nullptr : data.floats.data(),
           data.columns},
          nullptr,
          data.rows,
          data.targets.empty() ? nullptr : data.targets.data(),
          data.weights.empty() ? nullptr : data.weights.data()};
}

bool are_first_classes(const std::vector<std::string>& some, const std::vector<std::string>& all) {
  return some.size() <= all.size() && std::equal(some.begin(), some.end(), all.begin());
}

}  // namespace ztilde
