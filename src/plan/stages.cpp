#include "plan/stages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "layers/encode.hpp"

namespace ztilde {
namespace {

// Walks the layers with one stage open; what does not fit into its prologue any more closes it
// with an identity contraction.
class Lowering {
 public:
  explicit Lowering(std::size_t inputs) { open_.inputs = inputs; }

  void add(std::size_t, const Encode& encode) {
    const layers::EncodeLayout layout = layers::layout_of(encode);
    open_.raw_columns = open_.inputs;
    open_.tables = layout.tables;
    open_.inputs = layout.features;
  }

  void add(std::size_t layer, const Standardise&) {
    open_.norm = StageNorm::standardise;
    open_.norm_layer = layer;
    filled_ = Filled::norm;
  }

  void add(std::size_t layer, const BatchNorm&) {
    const bool follows_contraction = !stages_.empty() && !stages_.back().sums;
    if (follows_contraction && filled_ == Filled::activation && open_.norm == StageNorm::none) {
      stages_.back().inner_activation = std::exchange(open_.activation, ActivationKind::identity);
    } else if (!follows_contraction || filled_ != Filled::nothing) {
      close_with_identity();
    }
    stages_.back().sums = true;
    open_.norm = StageNorm::batch;
    open_.norm_layer = layer;
    filled_ = Filled::norm;
  }

  void add(std::size_t, const Activation& activation) {
    if (activation.kind == ActivationKind::identity) return;
    if (filled_ >= Filled::activation) close_with_identity();
    open_.activation = activation.kind;
    filled_ = Filled::activation;
  }

  void add(std::size_t layer, const Dropout& dropout) {
    if (dropout.probability == 0) return;
    if (filled_ == Filled::dropout) close_with_identity();
    open_.dropout = {dropout.probability, layer};
    filled_ = Filled::dropout;
  }

  void add(std::size_t layer, const Dense& dense) {
    open_.dense_layer = layer;
    open_.bias = dense.bias;
    close(dense.outputs);
  }

  void add(std::size_t, const auto&) {}

  std::vector<Stage> finish() {
    if (filled_ != Filled::nothing) close_with_identity();
    return std::move(stages_);
  }

 private:
  enum class Filled { nothing, norm, activation, dropout };  // how far the open prologue has come

  void close(std::size_t outputs) {
    open_.outputs = outputs;
    stages_.push_back(std::exchange(open_, Stage{}));
    open_.inputs = outputs;
    filled_ = Filled::nothing;
  }
  void close_with_identity() { close(open_.inputs); }

  std::vector<Stage> stages_;
  Stage open_;
  Filled filled_ = Filled::nothing;
};

std::string prologue_text(const Stage& stage) {
  std::string text;
  const auto append = [&](std::string_view part) {
    if (!text.empty()) text += ", ";
    text += part;
  };
  if (stage.raw_columns > 0) append(fmt::format("encode to {}", stage.inputs));
  if (stage.norm == StageNorm::standardise) append("standardise");
  if (stage.norm == StageNorm::batch) append(fmt::format("batch norm {}", stage.norm_layer));
  if (stage.activation != ActivationKind::identity) append(to_string(stage.activation));
  if (stage.dropout.probability > 0) append(fmt::format("dropout {}", stage.dropout.probability));
  return text.empty() ? "as it is" : text;
}

}  // namespace

std::vector<Stage> lower(const Network& network) {
  Lowering lowering(network.inputs);
  for (std::size_t layer = 0; layer < network.layers.size(); ++layer) {
    std::visit([&](const auto& fields) { lowering.add(layer, fields); }, network.layers[layer]);
  }
  return lowering.finish();
}

std::string describe(const std::vector<Stage>& stages) {
  constexpr std::size_t kCells = 5;
  std::vector<std::array<std::string, kCells>> lines;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stage& stage = stages[s];
    std::string result = s + 1 == stages.size() ? "output" : fmt::format("z{}", s + 1);
    if (stage.inner_activation != ActivationKind::identity) {
      result += fmt::format(", sums of {}", to_string(stage.inner_activation));
    } else if (stage.sums) {
      result += ", sums";
    }
    const std::string contraction = stage.dense_layer
                                        ? fmt::format("W{} [{}, {}]{}", *stage.dense_layer, stage.outputs,
                                                      stage.inputs, stage.bias ? " + b" : "")
                                        : "identity";
    lines.push_back({fmt::format("stage {}", s + 1),
                     (s == 0 ? "x" : fmt::format("z{}", s)) +
                         fmt::format(" [{}]", stage.raw_columns > 0 ? stage.raw_columns : stage.inputs),
                     prologue_text(stage), contraction, result});
  }
  std::array<std::size_t, kCells> widths{};
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < kCells; ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    text += fmt::format("{:<{}}  {:<{}}  {:<{}} → {:<{}} → {}\n", line[0], widths[0], line[1], widths[1],
                        line[2], widths[2], line[3], widths[3], line[4]);
  }
  return text;
}

}  // namespace ztilde
