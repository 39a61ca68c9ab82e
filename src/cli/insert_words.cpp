#include "cli/insert_words.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cli/layout.hpp"

namespace ztilde::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kIndent = 12;

std::string field(const std::string& name, const std::string& text) { return wrapped(name, kIndent, text); }

// As the model before counts them: "layer 1 (dense)".
std::string place(const Model& model, std::size_t layer) {
  return fmt::format("layer {} ({})", layer, layer_words(model.network.layers[layer]));
}

std::string norm_words(const Model& model, const InsertedNorm& norm) {
  std::string text = fmt::format("layer {}, behind what was {}: {}", norm.layer, place(model, norm.behind),
                                 counted(norm.channels, "channel"));
  if (norm.constant_channels > 0)
    text += fmt::format(", {} of them constant over these rows", with_commas(norm.constant_channels));
  if (norm.dropped_bias) text += "; its bias went into the mean";
  return text;
}

std::string percent(double share) { return fmt::format("{:.3g} %", 100 * share); }

std::string noise_words(const BatchNoise& noise) {
  std::string text = fmt::format(
      "\nwhat training will see: means and variances of {} instead of all\n"
      "rows. Shares of a standard deviation and of the variance (root mean squares over\n"
      "channels), expected of independent numbers, and measured in {}\n\n"
      "   #  in a batch   mean: expected  measured   variance: expected  measured\n",
      counted(noise.batch, "row"), counted(noise.batches, "batch"));
  for (const NormNoise& norm : noise.norms) {
    text += fmt::format("{:>4}  {:>10}  {:>15}  {:>8}  {:>19}  {:>8}\n", norm.layer,
                        with_commas(static_cast<std::uint64_t>(norm.rows)), percent(norm.mean_expected),
                        percent(norm.mean_measured), percent(norm.variance_expected),
                        percent(norm.variance_measured));
  }
  text += "\n";
  text +=
      field("outputs", fmt::format("in such batches differ from those in use by {} (root mean square), by "
                                   "{} at most",
                                   shown(noise.output_rms), shown(noise.output_largest)));
  if (noise.loss) {
    text += field("loss", fmt::format("{} in use, {} in such batches: about where training begins",
                                      shown(*noise.loss), shown(*noise.loss_in_batches)));
  }
  return text;
}

}  // namespace

std::string worst_words(const InsertCertificate& certificate) {
  return fmt::format("{:.2g} of the largest output in double and {:.2g} in float",
                     certificate.double_relative, certificate.relative);
}

std::string insert_words(const Model& model, const Insertion& insertion) {
  const InsertCertificate& certificate = insertion.certificate;
  std::string text = field("inserted", fmt::format("{}, with the statistics of {}",
                                                   counted(certificate.inserted.size(), "batch norm"),
                                                   counted(certificate.measured_rows, "row")));
  for (const InsertedNorm& norm : certificate.inserted) text += field("", norm_words(model, norm));
  for (const SkippedLayer& layer : certificate.skipped) {
    text += field("none", fmt::format("behind what was {}: {}", place(model, layer.layer), layer.reason));
  }
  text += field("compared", fmt::format("on {}, with the model before in double",
                                        certificate.compared_rows == certificate.measured_rows
                                            ? "these rows"
                                            : with_commas(certificate.compared_rows) + " of these rows"));
  text += field("difference", fmt::format("{:.2g} of the largest output, both in double; tolerance {:.2g}",
                                          certificate.double_relative, certificate.tolerance));
  text +=
      field("in float", fmt::format("{:.2g} of the largest output, {:.2g} at most; the model before was off "
                                    "by {:.2g}",
                                    certificate.relative, certificate.absolute, certificate.float_absolute));
  text += field("argmax", fmt::format("{} of {} changed", with_commas(certificate.argmax_changes),
                                      counted(certificate.compared_rows, "row")));
  return text + noise_words(insertion.noise);
}

ordered_json insert_object(const InsertCertificate& certificate) {
  ordered_json inserted = ordered_json::array(), skipped = inserted, layers = inserted;
  for (const InsertedNorm& norm : certificate.inserted) {
    inserted.push_back({{"layer", norm.layer},
                        {"behind", norm.behind},
                        {"of", norm.contraction},
                        {"channels", norm.channels},
                        {"constant_channels", norm.constant_channels},
                        {"dropped_bias", norm.dropped_bias}});
  }
  for (const SkippedLayer& layer : certificate.skipped)
    skipped.push_back({{"layer", layer.layer}, {"reason", layer.reason}});
  for (const LayerDifference& layer : certificate.layers)
    layers.push_back({{"layer", layer.layer}, {"absolute", layer.absolute}, {"relative", layer.relative}});
  return {{"inserted", inserted},
          {"skipped", skipped},
          {"measured_rows", certificate.measured_rows},
          {"compared_rows", certificate.compared_rows},
          {"tolerance", certificate.tolerance},
          {"largest_output", certificate.largest_output},
          {"double_absolute", certificate.double_absolute},
          {"double_relative", certificate.double_relative},
          {"absolute", certificate.absolute},
          {"relative", certificate.relative},
          {"float_absolute", certificate.float_absolute},
          {"argmax_changes", certificate.argmax_changes},
          {"layers", layers}};
}

ordered_json noise_object(const BatchNoise& noise) {
  ordered_json norms = ordered_json::array();
  for (const NormNoise& norm : noise.norms) {
    norms.push_back({{"layer", norm.layer},
                     {"rows", norm.rows},
                     {"mean_expected", norm.mean_expected},
                     {"mean_measured", norm.mean_measured},
                     {"variance_expected", norm.variance_expected},
                     {"variance_measured", norm.variance_measured}});
  }
  ordered_json object = {{"batch", noise.batch},
                         {"batches", noise.batches},
                         {"layers", norms},
                         {"output_rms", noise.output_rms},
                         {"output_largest", noise.output_largest}};
  if (noise.loss) object["loss"] = *noise.loss;
  if (noise.loss_in_batches) object["loss_in_batches"] = *noise.loss_in_batches;
  return object;
}

}  // namespace ztilde::cli
