// The folded model and its certificate.
#include "ztilde/fold.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "model/fold_rows.hpp"
#include "model/folding.hpp"
#include "model/model_check.hpp"
#include "model/scoring.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kBuiltInRows = 256;

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
  const Comparison comparison =
      compare_with_original({model, folding.model, folding.contractions},
                            whole(data.rows == 0 ? made : data, model.network), options.threads);
  certificate.largest_output = comparison.largest_output;
  certificate.absolute = comparison.absolute;
  certificate.relative = comparison.relative;
  certificate.float_absolute = comparison.float_absolute;
  certificate.argmax_changes = comparison.argmax_changes;
  certificate.layers = comparison.layers;
  folding.model.fold_certificate = std::move(certificate);
  folding.model.test_outputs = outputs(folding.model, folding.model.test_inputs, options.threads);
  return std::move(folding.model);
}

}  // namespace ztilde
