#include "plan/stages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "layers/layer.hpp"

namespace ztilde {
namespace {

// Walks the layers with one stage open; what does not fit into its prologue any more closes it
// with an identity contraction.
class Lowering {
 public:
  explicit Lowering(const Network& network) : network_(network), later_readers_(network.layers.size()) {
    open({}, network.input_shape());
    for (std::size_t layer = 0; layer < network.layers.size(); ++layer) {
      const auto* add = std::get_if<Add>(&network.layers[layer]);
      const auto* shortcut = std::get_if<Shortcut>(&network.layers[layer]);
      if (add) ++later_readers_[layer - add->back];
      if (shortcut) ++later_readers_[layer - shortcut->back];
    }
  }

  void add(std::size_t, const Encode& encode) {
    const layers::EncodeLayout layout = layers::layout_of(encode);
    open_.raw_columns = shape_.channels;
    open_.tables = layout.tables;
    shape_ = open_.source = {1, 1, layout.features};
  }

  void add(std::size_t layer, const Standardise&) {
    open_.x.norm = StageNorm::standardise;
    open_.x.norm_layer = layer;
    filled_ = Filled::norm;
  }

  void add(std::size_t layer, const BatchNorm&) {
    const bool follows_stage = open_.x.stage && !stages_[*open_.x.stage].sums;
    const bool shared = open_.x.stage && shared_[*open_.x.stage];
    if (follows_stage && !shared && filled_ == Filled::activation && open_.x.norm == StageNorm::none &&
        !open_.shortcut) {
      stages_[*open_.x.stage].inner_activation = std::exchange(open_.activation, ActivationKind::identity);
    } else if (!follows_stage || filled_ != Filled::nothing) {
      close_with_identity();
    }
    stages_[*open_.x.stage].sums = true;
    stages_[*open_.x.stage].norm_layer = layer;
    open_.x.norm = StageNorm::batch;
    open_.x.norm_layer = layer;
    filled_ = Filled::norm;
  }

  void add(std::size_t, const Activation& activation) {
    if (activation.kind == ActivationKind::identity) return;
    make_room(Filled::activation);
    open_.activation = activation.kind;
  }

  void add(std::size_t layer, const Dropout& dropout) {
    if (dropout.probability == 0) return;
    make_room(Filled::dropout);
    open_.dropout = {dropout.probability, layer};
  }

  void add(std::size_t, const MaxPool& pool) {
    this->pool({true, pool.kernel, pool.kernel, pool.stride, pool.stride},
               layers::output_shape(pool, shape_));
  }
  void add(std::size_t, const AveragePool& pool) {
    this->pool({false, pool.kernel, pool.kernel, pool.stride, pool.stride},
               layers::output_shape(pool, shape_));
  }
  void add(std::size_t, const GlobalAveragePool& pool) {
    this->pool({false, shape_.height, shape_.width, 1, 1}, layers::output_shape(pool, shape_));
  }

  // The numbers stay where they are, in rows of another length.
  void add(std::size_t, const Flatten& flatten) {
    if (shape_.pixels() == 1) return;
    shape_ = layers::output_shape(flatten, shape_);
    close_with_identity();
  }

  void add(std::size_t layer, const Dense& dense) {
    if (open_.source.pixels() > 1) close_with_identity();
    open_.dense_layer = layer;
    open_.bias = dense.bias;
    shape_ = {1, 1, dense.outputs};
    close();
  }

  void add(std::size_t layer, const Conv2d& conv) {
    open_.conv_layer = layer;
    open_.conv = conv;
    open_.bias = conv.bias;
    open_.input = shape_;
    shape_ = layers::output_shape(conv, shape_);
    close();
  }

  void add(std::size_t layer, const Add& add) {
    // One more operand: both of them normalised at most.
    if (filled_ > Filled::norm || !open_.x.stage) close_with_identity();
    open_.shortcut = kept_.at(layer - add.back);
    filled_ = Filled::added;
  }

  void add(std::size_t layer, const Shortcut& shortcut) {
    open(kept_.at(layer - shortcut.back), layer_shapes(network_)[layer - shortcut.back]);
    filled_ = open_.x.norm == StageNorm::none ? Filled::nothing : Filled::norm;
  }

  // After a layer: its output as an operand of later stages, where there are such.
  void keep(std::size_t layer) {
    if (later_readers_[layer] == 0) return;
    const bool next_reads =
        layer + 1 < network_.layers.size() && !std::holds_alternative<Shortcut>(network_.layers[layer + 1]);
    const bool many = later_readers_[layer] + (next_reads ? 1 : 0) > 1;
    // A value with two readers is made once; one that a normalisation gives to one reader is made by it.
    const bool is_operand =
        open_.x.stage && (filled_ == Filled::nothing || (filled_ == Filled::norm && !many));
    if (!is_operand) close_with_identity();
    kept_[layer] = open_.x;
    if (open_.x.norm == StageNorm::none) shared_[*open_.x.stage] = true;
  }

  std::vector<Stage> finish() {
    if (filled_ != Filled::nothing || stages_.empty() || open_.x.stage != stages_.size() - 1) {
      close_with_identity();
    }
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      for (const auto& operand : {std::optional(stages_[s].x), stages_[s].shortcut}) {
        if (!operand || !operand->stage) continue;
        Stage& read = stages_[*operand->stage];
        (operand->norm == StageNorm::batch ? read.norm_reader : read.last_direct_reader) = s;
      }
    }
    return std::move(stages_);
  }

 private:
  // How far the open prologue has come.
  enum class Filled { nothing, norm, added, activation, dropout, pool };

  void open(const Operand& x, const Shape& shape) {
    open_ = Stage{};
    open_.x = x;
    open_.source = shape_ = shape;
    filled_ = Filled::nothing;
  }

  void make_room(Filled part) {
    if (filled_ >= part) close_with_identity();
    filled_ = part;
  }

  void pool(const StagePool& pool, const Shape& output) {
    if (output == shape_) return;  // windows of one pixel
    make_room(Filled::pool);
    open_.pool = pool;
    shape_ = output;
  }

  // shape_ is that of its output.
  void close() {
    if (!open_.conv_layer) open_.input = open_.dense_layer ? open_.source : shape_;
    open_.output = shape_;
    open_.inputs = open_.input.channels;
    open_.outputs = open_.output.channels;
    stages_.push_back(open_);
    shared_.push_back(false);
    open({stages_.size() - 1, StageNorm::none, 0}, shape_);
  }
  void close_with_identity() { close(); }

  const Network& network_;
  std::vector<std::size_t> later_readers_;  // by layer: Adds and Shortcuts
  std::map<std::size_t, Operand> kept_;     // by layer
  std::vector<Stage> stages_;
  std::vector<bool> shared_;  // by stage: something else reads its z as it is
  Stage open_;
  Shape shape_;  // of what the open prologue gives so far
  Filled filled_ = Filled::nothing;
};

std::string prologue_text(const Stage& stage) {
  std::string text;
  const auto append = [&](std::string_view part) {
    if (!text.empty()) text += ", ";
    text += part;
  };
  const auto append_norm = [&](const Operand& x) {
    if (x.norm == StageNorm::standardise) append("standardise");
    if (x.norm == StageNorm::batch) append(fmt::format("batch norm {}", x.norm_layer));
  };
  if (stage.raw_columns > 0) append(fmt::format("encode to {}", stage.inputs));
  append_norm(stage.x);
  if (stage.shortcut) {
    append(fmt::format("+ z{}", *stage.shortcut->stage + 1));
    append_norm(*stage.shortcut);
  }
  if (stage.activation != ActivationKind::identity) append(to_string(stage.activation));
  if (stage.dropout.probability > 0) append(fmt::format("dropout {}", stage.dropout.probability));
  if (stage.pool) {
    append(fmt::format("{} of {} × {}", stage.pool->largest ? "largest" : "mean", stage.pool->kernel_height,
                       stage.pool->kernel_width));
  }
  return text.empty() ? "as it is" : text;
}

std::string shape_text(const Shape& shape) {
  return shape.pixels() == 1 ? fmt::format("[{}]", shape.channels)
                             : fmt::format("[{}, {}, {}]", shape.height, shape.width, shape.channels);
}

std::string contraction_text(const Stage& stage) {
  const std::string bias = stage.bias ? " + b" : "";
  if (stage.dense_layer)
    return fmt::format("W{} [{}, {}]{}", *stage.dense_layer, stage.outputs, stage.inputs, bias);
  if (!stage.conv_layer) return "identity";
  return fmt::format("{} W{} [{}, {}, {}, {}]{}",
                     stage.conv.stride > 1 ? fmt::format("∗/{}", stage.conv.stride) : "∗", *stage.conv_layer,
                     stage.outputs, stage.conv.depthwise ? 1 : stage.inputs, stage.conv.kernel,
                     stage.conv.kernel, bias);
}

}  // namespace

std::vector<Stage> lower(const Network& network) {
  Lowering lowering(network);
  for (std::size_t layer = 0; layer < network.layers.size(); ++layer) {
    std::visit([&](const auto& fields) { lowering.add(layer, fields); }, network.layers[layer]);
    lowering.keep(layer);
  }
  return lowering.finish();
}

bool has_images(const std::vector<Stage>& stages) {
  return std::ranges::any_of(stages, &Stage::works_on_pixels);
}

bool is_chain_of_rows(const std::vector<Stage>& stages) {
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stage& stage = stages[s];
    if (stage.works_on_pixels() || stage.shortcut) return false;
    if (s > 0 && stage.x.stage != s - 1) return false;
  }
  return true;
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
    const std::string source = stage.x.stage ? fmt::format("z{}", *stage.x.stage + 1) : "x";
    lines.push_back(
        {fmt::format("stage {}", s + 1),
         source + " " +
             (stage.raw_columns > 0 ? fmt::format("[{}]", stage.raw_columns) : shape_text(stage.source)),
         prologue_text(stage), contraction_text(stage), result});
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
