#include "cli/doctor_page.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/layout.hpp"
#include "report/blocks.hpp"
#include "report/series.hpp"

namespace ztilde::cli {
namespace {

using report::Json;

std::string loss_text(double loss) { return std::isfinite(loss) ? shown(loss) : fmt::format("{}", loss); }

Json findings_section(const Model& model, const Diagnosis& diagnosis, const DoctorContext& context) {
  Json blocks = Json::array();
  if (!context.refusal.empty())
    blocks.push_back(report::text("Other commands refuse the file: " + context.refusal));
  for (std::size_t i = 0; i < diagnosis.findings.size(); ++i) {
    const Finding& finding = diagnosis.findings[i];
    std::string words =
        fmt::format("{}. {}. {}", i + 1, finding_title(model, finding), evidence_words(model, finding));
    if (const std::string step = step_words(finding, diagnosis); !step.empty()) words += "; " + step;
    const Advice advice = advice_for(finding, diagnosis, context);
    blocks.push_back(report::text(words + ". What to do: " + advice.words + "."));
    if (!advice.command.empty()) blocks.push_back(report::code(advice.command));
  }
  if (diagnosis.findings.empty())
    blocks.push_back(
        report::text("Nothing: the statistics fit these rows as well as chance allows, or what they "
                     "are off by costs next to nothing."));
  return report::section("found", "What is wrong?",
                         diagnosis.findings.empty()
                             ? "Nothing was found."
                             : counted(diagnosis.findings.size(), "cause") + ", what costs most first.",
                         blocks);
}

Json step_chart(const Diagnosis& diagnosis) {
  Json labels = Json::array(), anew = Json::array(), batch = Json::array();
  for (const LayerDiagnosis& layer : diagnosis.layers) {
    labels.push_back(fmt::format("layer {}", layer.layer));
    anew.push_back(report::rounded(-layer.to_population.value));
    batch.push_back(report::rounded(-layer.to_batch.value));
  }
  return report::chart(
      "bars", {{"title", "What each layer's statistics do to the loss: below 0, it falls"},
               {"alt", fmt::format("The changes of all layers lead from {} with stored statistics to {} with "
                                   "statistics measured anew, and on to {} with each batch's own.",
                                   loss_text(diagnosis.loss_stored), loss_text(diagnosis.loss_population),
                                   loss_text(diagnosis.loss_batch))},
               {"note", "from the bottom up: the layers below are changed already, so the bars sum up"},
               {"labels", labels},
               {"x", ""},
               {"y", "change of the loss"},
               {"datasets",
                Json::array({{{"label", "from stored to measured anew"}, {"role", 0}, {"data", anew}},
                             {{"label", "from these to each batch's own"}, {"role", 1}, {"data", batch}}})}});
}

Json layer_table(const Diagnosis& diagnosis) {
  Json rows = Json::array();
  const auto step = [](const LossStep& s) {
    return std::isfinite(s.value) ? fmt::format("{:+.4g} ± {:.2g}", -s.value, s.error) : std::string("-");
  };
  const auto range = [](const ChannelRange& r) {
    return fmt::format("{:.3g}, {:.3g} in {}", r.median, r.most, r.channel);
  };
  for (const LayerDiagnosis& layer : diagnosis.layers) {
    rows.push_back({fmt::format("{}", layer.layer), with_commas(layer.updates), step(layer.to_population),
                    step(layer.alone), step(layer.to_batch), range(layer.judged.mean),
                    range(layer.judged.deviation), range(layer.below_stored.mean)});
  }
  return report::table(
      "Change of the loss (± its standard error), and how far stored statistics are from measured ones: "
      "median, most in which channel",
      {"layer", "updates", "anew, from the bottom up", "anew, alone", "each batch's own", "means apart",
       "deviations, factor", "means apart, layers below as stored"},
      rows);
}

Json layers_section(const Diagnosis& diagnosis) {
  Json blocks = Json::array();
  blocks.push_back(report::figures(
      {{"in use", loss_text(diagnosis.loss_stored), "statistics that the model holds"},
       {"measured anew", loss_text(diagnosis.loss_population), "over these rows"},
       {"each batch's own", loss_text(diagnosis.loss_batch), fmt::format("{} rows a batch", diagnosis.batch)},
       {"repaired", loss_text(diagnosis.loss_repaired), "what was found, without training"}}));
  blocks.push_back(step_chart(diagnosis));
  blocks.push_back(layer_table(diagnosis));
  return report::section("layers", "Layer by layer",
                         diagnosis.labelled
                             ? "The loss on the same rows with three kinds of statistics."
                             : "How far the answers are from those with statistics measured over "
                               "these rows: the rows have no target.",
                         blocks);
}

Json inputs_section(const Diagnosis& diagnosis) {
  Json rows = Json::array();
  for (const Finding& finding : diagnosis.findings) {
    for (const InputDistance& input : finding.inputs)
      rows.push_back({input.name, report::rounded(input.mean), report::rounded(input.deviation)});
  }
  if (rows.empty()) return {};
  return report::section(
      "inputs", "Inputs that are not as in training", "The furthest first.",
      Json::array({report::table("Means apart in standard deviations of training, and deviations by a factor",
                                 {"input", "means apart", "deviation, factor"}, rows)}));
}

}  // namespace

report::Json doctor_page(const Model& model, const Diagnosis& diagnosis, const DoctorContext& context) {
  Json sections = Json::array({findings_section(model, diagnosis, context)});
  if (!diagnosis.layers.empty()) sections.push_back(layers_section(diagnosis));
  if (Json inputs = inputs_section(diagnosis); !inputs.is_null()) sections.push_back(std::move(inputs));
  return {{"title", fmt::format("{}: why use differs from training", shown_path(context.model))},
          {"subtitle", fmt::format("{} of {}, {}", with_commas(diagnosis.rows),
                                   counted(context.all_rows, "row"), network_words(model.network))},
          {"sections", std::move(sections)}};
}

}  // namespace ztilde::cli
