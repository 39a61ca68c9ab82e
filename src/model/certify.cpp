#include "model/certify.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <exception>
#include <limits>
#include <optional>
#include <variant>

#include "model/row_scores.hpp"
#include "plan/inference_plan.hpp"
#include "plan/reference_plan.hpp"

namespace ztilde {
namespace {

// Of numbers in float and what they should be. A NaN is further off than any number.
struct Extremes {
  double difference = 0, largest = 0;

  void add(double number, double expected) {
    const double off = std::abs(number - expected);
    difference = std::max(difference, std::isnan(off) ? std::numeric_limits<double>::infinity() : off);
    largest = std::max(largest, std::abs(expected));
  }
  void add(const Extremes& other) {
    difference = std::max(difference, other.difference);
    largest = std::max(largest, other.largest);
  }
  double relative() const { return difference == 0 ? 0 : difference / largest; }
};

// What all blocks of rows have in common.
struct Subject {
  const MadeModel& models;
  std::size_t outputs;                                   // of a row
  std::vector<double> parameters, made_parameters = {};  // of both models; the second for in_double

  // Where a row's outputs say the same class.
  template <class A, class B>
  bool same_class(const A* a, const B* b) const {
    if (models.original.task == Task::regress) return true;
    return answer_of(a, outputs) == answer_of(b, outputs);
  }
};

struct Findings {
  Extremes outputs, float_outputs, double_outputs;
  std::uint64_t argmax_changes = 0;
  std::vector<Extremes> layers;  // by contraction

  void add(const Findings& other) {
    outputs.add(other.outputs);
    float_outputs.add(other.float_outputs);
    double_outputs.add(other.double_outputs);
    argmax_changes += other.argmax_changes;
    for (std::size_t i = 0; i < layers.size(); ++i) layers[i].add(other.layers[i]);
  }
};

// What one worker compares with: both models, and what it found.
class Comparer {
 public:
  Comparer(const Subject& subject, std::size_t most_rows)
      : subject_(subject),
        reference_(subject.models.original.network),
        made_(subject.models.made.network, most_rows, 1, subject.models.made.parameters.data(),
              subject.models.made.statistics.data()),
        original_(subject.models.original.network, most_rows, 1, subject.models.original.parameters.data(),
                  subject.models.original.statistics.data()),
        contractions_of_layers_(subject.models.original.network.layers.size()),
        z_(subject.models.contractions.size()) {
    if (subject.models.in_double) made_reference_.emplace(subject.models.made.network);
    findings_.layers.resize(z_.size());
    for (std::size_t i = 0; i < z_.size(); ++i)
      contractions_of_layers_[subject.models.contractions[i].layer] = i;
    // Stages have the network's contractions in its order, and identities among them.
    std::size_t next = 0;
    for (const Stage& stage : made_.stages())
      contractions_of_stages_.push_back(stage.weight_layer() ? std::optional(next++) : std::nullopt);
  }

  void compare(const Batch& rows) {
    std::vector<float> made(rows.rows * subject_.outputs), original(made.size());
    run(made_, rows, made, [this](std::size_t stage, std::size_t first_row, kernels::ConstView z) {
      if (const auto& contraction = contractions_of_stages_[stage]) keep(z_[*contraction], first_row, z);
    });
    run(original_, rows, original, {});
    const std::vector<double> inputs = doubles_of(rows);
    const std::vector<double> expected = reference_.forward_inference(
        inputs, rows.rows, subject_.parameters, subject_.models.original.statistics,
        [this](std::size_t layer, MatrixView<const double> z) {
          if (const auto& contraction = contractions_of_layers_[layer]) compare_layer(*contraction, z);
        });
    for (std::vector<float>& z : z_) z.clear();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      findings_.outputs.add(made[i], expected[i]);
      findings_.float_outputs.add(original[i], expected[i]);
    }
    for (std::size_t i = 0; i < expected.size(); i += subject_.outputs)
      findings_.argmax_changes += !subject_.same_class(&made[i], &expected[i]);
    if (!made_reference_) return;
    const std::vector<double> exact = made_reference_->forward_inference(
        inputs, rows.rows, subject_.made_parameters, subject_.models.made.statistics);
    for (std::size_t i = 0; i < expected.size(); ++i) findings_.double_outputs.add(exact[i], expected[i]);
  }

  const Findings& findings() const { return findings_; }

 private:
  void run(InferencePlan& plan, const Batch& rows, std::vector<float>& outputs,
           const InferencePlan::Look& look) {
    const std::size_t width = subject_.outputs;
    const auto consume = [&](const Worker&, std::size_t, std::size_t first_row, kernels::View out) {
      copy_rows(out, {outputs.data() + first_row * width, out.rows, width});
    };
    plan.run(alone_, rows, consume, look);
  }

  // A plan may cut the rows further; their blocks come in order.
  static void keep(std::vector<float>& kept, std::size_t first_row, kernels::ConstView z) {
    if (first_row == 0) kept.clear();
    for (std::size_t r = 0; r < z.rows; ++r) kept.insert(kept.end(), z.row(r), z.row(r) + z.channels);
  }

  void compare_layer(std::size_t contraction, MatrixView<const double> z) {
    const ChannelMap& map = subject_.models.contractions[contraction].output;
    const float* made = z_[contraction].data();
    Extremes& extremes = findings_.layers[contraction];
    for (std::size_t r = 0; r < z.rows; ++r) {
      for (std::size_t c = 0; c < z.channels; ++c)
        extremes.add(*made++, map.scale[c] * z(r, c) + map.shift[c]);
    }
  }

  static std::vector<double> doubles_of(const Batch& rows) {
    const std::size_t count = rows.rows * rows.source.stride;
    if (rows.source.bytes) return {rows.source.bytes, rows.source.bytes + count};
    return {rows.source.floats, rows.source.floats + count};
  }

  const Subject& subject_;
  Team alone_{1};
  ReferencePlan<double> reference_;
  std::optional<ReferencePlan<double>> made_reference_;
  InferencePlan made_, original_;
  std::vector<std::optional<std::size_t>> contractions_of_layers_, contractions_of_stages_;
  std::vector<std::vector<float>> z_;  // of the made model by contraction: [rows · pixels, channels]
  Findings findings_;
};

Findings compare(const Subject& subject, const Batch& rows, std::size_t threads) {
  const Network& network = subject.models.original.network;
  const Cut blocks = InferencePlan::blocks_of(lower(network), rows.rows);
  Team team(InferencePlan::workers_for(network, rows.rows, threads));
  std::deque<Comparer> comparers;
  for (std::size_t i = 0; i < team.threads(); ++i) comparers.emplace_back(subject, blocks.largest());
  std::vector<std::exception_ptr> failures(team.threads());
  team.run([&](const Worker& worker) {
    try {
      worker.share(blocks.parts, [&](std::size_t block) {
        comparers[worker.index].compare(block_of(rows, blocks.first(block), blocks.size(block)));
      });
    } catch (...) {
      failures[worker.index] = std::current_exception();
    }
  });
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  Findings all = comparers.front().findings();
  for (std::size_t i = 1; i < comparers.size(); ++i) all.add(comparers[i].findings());
  return all;
}

}  // namespace

Batch block_of(const Batch& all, std::size_t first_row, std::size_t rows) {
  RowSource source = all.source;
  const std::size_t skip = first_row * source.stride;
  (source.bytes ? void(source.bytes += skip) : void(source.floats += skip));
  return {source, nullptr, rows};
}

Comparison compare_with_original(const MadeModel& models, const Batch& rows, std::size_t threads) {
  Subject subject{models,
                  layer_outputs(models.original.network).back(),
                  {models.original.parameters.begin(), models.original.parameters.end()}};
  if (models.in_double)
    subject.made_parameters = {models.made.parameters.begin(), models.made.parameters.end()};
  const Findings findings = compare(subject, rows, threads);

  Comparison comparison;
  comparison.largest_output = findings.outputs.largest;
  comparison.absolute = findings.outputs.difference;
  comparison.relative = findings.outputs.relative();
  comparison.float_absolute = findings.float_outputs.difference;
  comparison.double_absolute = findings.double_outputs.difference;
  comparison.argmax_changes = findings.argmax_changes;
  for (std::size_t i = 0; i < findings.layers.size(); ++i) {
    const Extremes& layer = findings.layers[i];
    comparison.layers.push_back({models.contractions[i].layer, layer.difference, layer.relative()});
  }
  return comparison;
}

}  // namespace ztilde
