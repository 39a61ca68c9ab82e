#include "cli/fold_words.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cli/layout.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kIndent = 12;

std::string field(const std::string& name, const std::string& text) { return wrapped(name, kIndent, text); }

std::string row_words(const FoldCertificate& certificate) {
  if (certificate.data_rows > 0) return "on " + counted(certificate.data_rows, "given row");
  return fmt::format("on {} and {} of seed {}", counted(certificate.test_rows, "test row"),
                     counted(certificate.built_in_rows, "built-in row"), certificate.seed);
}

std::string into_words(const FoldedNorm& norm) {
  const bool before = norm.into.front() < norm.layer;
  return fmt::format("layer {} into {} {} {} it", norm.layer, norm.into.size() == 1 ? "layer" : "layers",
                     fmt::join(norm.into, ", "), before ? "before" : "after");
}

const LayerDifference* worst_layer(const FoldCertificate& certificate) {
  const auto worst = std::ranges::max_element(certificate.layers, {}, &LayerDifference::relative);
  return worst == certificate.layers.end() ? nullptr : &*worst;
}

}  // namespace

std::string worst_words(const FoldCertificate& certificate) {
  std::string text = fmt::format("{:.2g} of the largest output", certificate.relative);
  if (const LayerDifference* worst = worst_layer(certificate))
    text += fmt::format(", most in layer {} ({:.2g} of its largest number)", worst->layer, worst->relative);
  return text;
}

std::string fold_words(const FoldCertificate& certificate) {
  std::string text;
  const std::vector<FoldedNorm>& folded = certificate.folded;
  text +=
      field("folded", counted(folded.size(), "batch norm") + "; layers as the unfolded model counts them");
  for (const FoldedNorm& norm : folded)
    text +=
        fmt::format("{:>{}}{}, amplification {:.3g}\n", "", kIndent, into_words(norm), norm.amplification);
  for (const UnfoldedNorm& norm : certificate.unfolded)
    text += field("not folded", fmt::format("layer {}: {}", norm.layer, norm.reason));
  text += field("compared", row_words(certificate) + ": in float, with the unfolded model in double");
  text += field("difference", fmt::format("{:.2g} at most, {}; tolerance {:.2g}", certificate.absolute,
                                          worst_words(certificate), certificate.tolerance));
  text += field("in float", fmt::format("the unfolded model was off by {:.2g}", certificate.float_absolute));
  text += field("argmax", fmt::format("{} of {} changed", with_commas(certificate.argmax_changes),
                                      counted(certificate.rows(), "row")));
  return text;
}

}  // namespace ztilde::cli
