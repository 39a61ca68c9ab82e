// The folded model and its certificate: the folded model in float, as it will be used, next to the unfolded
// one in double, layer by layer.
#include "ztilde/fold.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <exception>
#include <limits>
#include <variant>

#include "base/text.hpp"
#include "model/fold_rows.hpp"
#include "model/folding.hpp"
#include "model/model_check.hpp"
#include "model/scoring.hpp"
#include "plan/inference_plan.hpp"
#include "plan/reference_plan.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kBuiltInRows = 256;

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
  const Model& unfolded;
  const Folding& folding;
  std::size_t outputs;             // of a row
  std::vector<double> parameters;  // of the unfolded model

  // Where a row's outputs say the same class.
  template <class A, class B>
  bool same_class(const A* a, const B* b) const {
    if (unfolded.task == Task::regress) return true;
    if (outputs == 1) return (a[0] > 0) == (b[0] > 0);
    return std::max_element(a, a + outputs) - a == std::max_element(b, b + outputs) - b;
  }
};

struct Findings {
  Extremes outputs, float_outputs;
  std::uint64_t argmax_changes = 0;
  std::vector<Extremes> layers;  // by contraction

  void add(const Findings& other) {
    outputs.add(other.outputs);
    float_outputs.add(other.float_outputs);
    argmax_changes += other.argmax_changes;
    for (std::size_t i = 0; i < layers.size(); ++i) layers[i].add(other.layers[i]);
  }
};

// What one worker compares with: both models, and what it found.
class Comparer {
 public:
  Comparer(const Subject& subject, std::size_t most_rows)
      : subject_(subject),
        reference_(subject.unfolded.network),
        folded_(subject.folding.model.network, most_rows, 1, subject.folding.model.parameters.data(),
                subject.folding.model.statistics.data()),
        unfolded_(subject.unfolded.network, most_rows, 1, subject.unfolded.parameters.data(),
                  subject.unfolded.statistics.data()),
        contractions_of_layers_(subject.unfolded.network.layers.size()),
        z_(subject.folding.contractions.size()) {
    findings_.layers.resize(z_.size());
    for (std::size_t i = 0; i < z_.size(); ++i)
      contractions_of_layers_[subject.folding.contractions[i].unfolded_layer] = i;
    // Stages have the network's contractions in its order, and identities among them.
    std::size_t next = 0;
    for (const Stage& stage : folded_.stages())
      contractions_of_stages_.push_back(stage.weight_layer() ? std::optional(next++) : std::nullopt);
  }

  void compare(const Batch& rows) {
    std::vector<float> folded(rows.rows * subject_.outputs), unfolded(folded.size());
    run(folded_, rows, folded, [this](std::size_t stage, std::size_t first_row, kernels::ConstView z) {
      if (const auto& contraction = contractions_of_stages_[stage]) keep(z_[*contraction], first_row, z);
    });
    run(unfolded_, rows, unfolded, {});
    const std::vector<double> expected = reference_.forward_inference(
        doubles_of(rows), rows.rows, subject_.parameters, subject_.unfolded.statistics,
        [this](std::size_t layer, MatrixView<const double> z) {
          if (const auto& contraction = contractions_of_layers_[layer]) compare_layer(*contraction, z);
        });
    for (std::vector<float>& z : z_) z.clear();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      findings_.outputs.add(folded[i], expected[i]);
      findings_.float_outputs.add(unfolded[i], expected[i]);
    }
    for (std::size_t i = 0; i < expected.size(); i += subject_.outputs)
      findings_.argmax_changes += !subject_.same_class(&folded[i], &expected[i]);
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
    const ChannelMap& map = subject_.folding.contractions[contraction].output;
    const float* folded = z_[contraction].data();
    Extremes& extremes = findings_.layers[contraction];
    for (std::size_t r = 0; r < z.rows; ++r) {
      for (std::size_t c = 0; c < z.channels; ++c)
        extremes.add(*folded++, map.scale[c] * z(r, c) + map.shift[c]);
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
  InferencePlan folded_, unfolded_;
  std::vector<std::optional<std::size_t>> contractions_of_layers_, contractions_of_stages_;
  std::vector<std::vector<float>> z_;  // of the folded model by contraction: [rows · pixels, channels]
  Findings findings_;
};

Batch block_of(const Batch& all, std::size_t first_row, std::size_t rows) {
  Batch block = all;
  const std::size_t skip = first_row * all.source.stride;
  (block.source.bytes ? void(block.source.bytes += skip) : void(block.source.floats += skip));
  block.rows = rows;
  return block;
}

Findings compare(const Subject& subject, const Batch& rows, std::size_t threads) {
  const Network& network = subject.unfolded.network;
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

void require_foldable(const Model& model, const Folding& folding) {
  if (!folding.folded.empty()) return;
  if (folding.unfolded.empty()) {
    throw Error(ErrorKind::data, fmt::format("the model has no batch norm to fold{}; use it as it is",
                                             model.fold_certificate ? ", it has been folded already" : ""));
  }
  const UnfoldedNorm& first = folding.unfolded.front();
  throw Error(ErrorKind::data,
              fmt::format("none of the model's {} can be folded, layer {} for one: {}; use it as it is",
                          counted(folding.unfolded.size(), "batch norm"), first.layer, first.reason));
}

}  // namespace

Model fold(const Model& model, const Dataset& data, const FoldOptions& options) {
  model_file::check_model(model);
  Folding folding = fold_weights(model);
  require_foldable(model, folding);

  FoldCertificate certificate;
  certificate.folded = folding.folded;
  certificate.unfolded = folding.unfolded;
  certificate.tolerance = options.tolerance;
  Dataset made;
  if (data.rows == 0) {
    certificate.test_rows = model.test_inputs.size() / model.network.inputs;
    certificate.built_in_rows = kBuiltInRows;
    certificate.seed = options.seed;
    made.rows = certificate.rows();
    made.columns = model.network.inputs;
    made.floats = model.test_inputs;
    const std::vector<float> built_in = built_in_rows(model, kBuiltInRows, options.seed);
    made.floats.insert(made.floats.end(), built_in.begin(), built_in.end());
  } else {
    require_columns(model, data);
    certificate.data_rows = data.rows;
  }
  const Subject subject{model,
                        folding,
                        layer_outputs(model.network).back(),
                        {model.parameters.begin(), model.parameters.end()}};
  const Findings findings =
      compare(subject, whole(data.rows == 0 ? made : data, model.network), options.threads);

  certificate.largest_output = findings.outputs.largest;
  certificate.absolute = findings.outputs.difference;
  certificate.relative = findings.outputs.relative();
  certificate.float_absolute = findings.float_outputs.difference;
  certificate.argmax_changes = findings.argmax_changes;
  for (std::size_t i = 0; i < findings.layers.size(); ++i) {
    const Extremes& layer = findings.layers[i];
    certificate.layers.push_back(
        {folding.contractions[i].unfolded_layer, layer.difference, layer.relative()});
  }
  folding.model.fold_certificate = std::move(certificate);
  folding.model.test_outputs = outputs(folding.model, folding.model.test_inputs, options.threads);
  return std::move(folding.model);
}

}  // namespace ztilde
