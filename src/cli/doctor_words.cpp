#include "cli/doctor_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"

namespace ztilde::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kIndent = 11, kFindingIndent = 4;

std::string field(const std::string& name, const std::string& text) { return wrapped(name, kIndent, text); }

std::string loss_text(double loss) { return std::isfinite(loss) ? shown(loss) : fmt::format("{}", loss); }

std::string rows_words(const Diagnosis& diagnosis, const DoctorContext& context) {
  std::string text = with_commas(diagnosis.rows);
  if (diagnosis.rows < context.all_rows)
    text += fmt::format(" of {}, drawn evenly", with_commas(context.all_rows));
  text +=
      fmt::format(", in batches of {}{}", diagnosis.batch, diagnosis.batch_known ? " as in training" : "");
  if (!diagnosis.labelled)
    text +=
        "; they have no target, so losses are how far the answers are from those with statistics measured "
        "over these rows";
  return text;
}

std::string loss_words(const Diagnosis& diagnosis) {
  const std::string name = diagnosis.labelled ? "loss" : "distance";
  std::string text;
  const auto line = [&](const std::string& label, double loss, const char* words) {
    text += fmt::format("{:<{}}{:>9}  {}\n", label, kIndent, loss_text(loss), words);
  };
  line(name, diagnosis.loss_stored, "in use, with the statistics that the model holds");
  line("", diagnosis.loss_population, "with statistics measured anew over these rows");
  line("", diagnosis.loss_batch, "with each batch's own statistics, as in training");
  if (diagnosis.repairs) line("", diagnosis.loss_repaired, "with everything repaired that was found below");
  return text;
}

// A change of the loss with its sign.
std::string change(const LossStep& step) {
  if (!std::isfinite(step.value)) return "-";
  const double size = std::abs(step.value);
  if (size >= 10)
    return size < 1000 ? fmt::format("{:+.2f}", -step.value) : fmt::format("{:+.2g}", -step.value);
  return size < 5e-5 ? "0.0000" : fmt::format("{:+.4f}", -step.value);
}

std::string layer_table(const Model& model, const Diagnosis& diagnosis) {
  std::string text =
      "\nwhat the loss does when layers change from the bottom up, from stored statistics\n"
      "to those measured anew, and from these to each batch's own; how far stored ones\n"
      "are off: means in standard deviations, deviations by a factor (worst channel)\n\n"
      "   #  layer          anew  batch's    mean  worst        deviation  worst\n";
  for (const LayerDiagnosis& layer : diagnosis.layers) {
    const auto worst = [](const ChannelRange& range, int digits) {
      return fmt::format("{:.{}g} ({})", range.most, digits, range.channel);
    };
    const StatisticsDistance& far = layer.judged;
    text += fmt::format("{:>4}  {:<10}  {:>7}  {:>7}  {:>6.2g}  {:<11}  {:>9.4g}  {}\n", layer.layer,
                        layer_words(model.network.layers[layer.layer]), change(layer.to_population),
                        change(layer.to_batch), far.mean.median, worst(far.mean, 2), far.deviation.median,
                        worst(far.deviation, 3));
  }
  return text;
}

std::string finding_words(const Model& model, const Diagnosis& diagnosis, const DoctorContext& context,
                          std::size_t index) {
  const Finding& finding = diagnosis.findings[index];
  std::string text =
      "\n" + wrapped(fmt::format("{}.", index + 1), kFindingIndent, finding_title(model, finding));
  text += wrapped("", kFindingIndent, evidence_words(model, finding));
  if (const std::string step = step_words(finding, diagnosis); !step.empty())
    text += wrapped("", kFindingIndent, step);
  const Advice advice = advice_for(finding, diagnosis, context);
  if (!advice.words.empty())
    text += wrapped("", kFindingIndent, advice.words + (advice.command.empty() ? "" : ":"));
  if (!advice.command.empty()) text += "        " + advice.command + "\n";
  return text;
}

Json object_of(const LossStep& step) { return {{"value", step.value}, {"standard_error", step.error}}; }

Json object_of(const ChannelRange& range) {
  return {{"median", range.median}, {"worst", range.most}, {"worst_channel", range.channel}};
}

Json object_of(const StatisticsDistance& distance) {
  return {{"mean_distance", object_of(distance.mean)}, {"deviation_factor", object_of(distance.deviation)}};
}

Json object_of(const LayerDiagnosis& layer) {
  return {{"layer", layer.layer},
          {"channels", layer.channels},
          {"updates", layer.updates},
          {"to_population", object_of(layer.to_population)},
          {"alone", object_of(layer.alone)},
          {"to_batch", object_of(layer.to_batch)},
          {"below_stored", object_of(layer.below_stored)},
          {"below_measured", object_of(layer.below_measured)},
          {"judged", object_of(layer.judged)}};
}

Json object_of(const Model& model, const Finding& finding, const Diagnosis& diagnosis,
               const DoctorContext& context) {
  Json object = {{"cause", to_string(finding.cause)}, {"layers", finding.layers}};
  if (!finding.channels.empty()) object["channels"] = finding.channels;
  if (!finding.tensor.empty()) object["tensor"] = finding.tensor;
  if (finding.loss_step) object["loss_step"] = object_of(*finding.loss_step);
  object["evidence"] = Json::object();
  for (const auto& [name, value] : finding.evidence) object["evidence"][name] = value;
  for (const InputDistance& input : finding.inputs)
    object["inputs"].push_back({{"column", input.column},
                                {"name", input.name},
                                {"mean_distance", input.mean},
                                {"deviation_factor", input.deviation}});
  object["words"] = finding_title(model, finding) + "; " + evidence_words(model, finding);
  const Advice advice = advice_for(finding, diagnosis, context);
  object["advice"] = advice.words;
  if (!advice.command.empty()) object["command"] = advice.command;
  return object;
}

}  // namespace

std::string doctor_words(const Model& model, const Diagnosis& diagnosis, const DoctorContext& context) {
  std::string text = field("rows", rows_words(diagnosis, context));
  if (!context.refusal.empty()) text += field("file", "other commands refuse it: " + context.refusal);
  if (!diagnosis.layers.empty()) text += loss_words(diagnosis) + layer_table(model, diagnosis);
  if (diagnosis.findings.empty()) {
    return text + "\n" +
           field("found",
                 "nothing: the statistics fit these rows as well as chance allows, or what they are "
                 "off by costs next to nothing");
  }
  text += "\n" + field("found", counted(diagnosis.findings.size(), "cause") +
                                    (diagnosis.findings.size() > 1 ? ", what costs most first" : ""));
  for (std::size_t i = 0; i < diagnosis.findings.size(); ++i)
    text += finding_words(model, diagnosis, context, i);
  return text;
}

std::string doctor_json(const Model& model, const Diagnosis& diagnosis, const DoctorContext& context,
                        const std::string& written) {
  Json object = {{"model", context.model},
                 {"rows", diagnosis.rows},
                 {"batch", diagnosis.batch},
                 {"batch_known", diagnosis.batch_known},
                 {"labelled", diagnosis.labelled},
                 {"loss_batch", diagnosis.loss_batch},
                 {"loss_stored", diagnosis.loss_stored},
                 {"loss_population", diagnosis.loss_population},
                 {"loss_repaired", diagnosis.loss_repaired}};
  if (!context.refusal.empty()) object["refusal"] = context.refusal;
  object["layers"] = Json::array();
  for (const LayerDiagnosis& layer : diagnosis.layers) object["layers"].push_back(object_of(layer));
  object["findings"] = Json::array();
  for (const Finding& finding : diagnosis.findings)
    object["findings"].push_back(object_of(model, finding, diagnosis, context));
  if (!written.empty()) object["written"] = written;
  return json_line(object);
}

}  // namespace ztilde::cli
