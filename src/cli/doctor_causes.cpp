// Causes in plain words, with their evidence and what to do about them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/text.hpp"
#include "cli/doctor_words.hpp"
#include "cli/layout.hpp"
#include "cli/outputs.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kMostNamed = 5;

double number(const Finding& finding, std::string_view name) {
  for (const auto& [known, value] : finding.evidence) {
    if (known == name) return value;
  }
  return std::nan("");
}
bool has(const Finding& finding, std::string_view name) { return !std::isnan(number(finding, name)); }
std::uint64_t count(const Finding& finding, std::string_view name) {
  return static_cast<std::uint64_t>(std::llround(number(finding, name)));
}

// "layers 2, 5 and 8 (batch norm)", or "" for none.
std::string layers_words(const Model& model, const Finding& finding) {
  if (finding.layers.empty()) return "";
  std::string names;
  const std::size_t shown_layers = std::min(finding.layers.size(), kMostNamed);
  for (std::size_t i = 0; i < shown_layers; ++i) {
    const bool last = i + 1 == finding.layers.size();
    names += fmt::format("{}{}", i == 0 ? "" : last ? " and " : ", ", finding.layers[i]);
  }
  if (shown_layers < finding.layers.size())
    names += fmt::format(" and {} more", finding.layers.size() - shown_layers);
  return fmt::format("{} {} ({})", finding.layers.size() == 1 ? "layer" : "layers", names,
                     layer_words(model.network.layers[finding.layers[0]]));
}

// "channel 3", "channels 0, 2, 7, … (12 in all)".
std::string channels_words(const std::vector<std::size_t>& channels) {
  if (channels.empty()) return "";
  std::string text = channels.size() == 1 ? "channel " : "channels ";
  for (std::size_t i = 0; i < std::min(channels.size(), kMostNamed); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", channels[i]);
  return channels.size() > kMostNamed ? text + fmt::format(", … ({} in all)", channels.size()) : text;
}

// "3 of 16 units: channels 0, 1, 2".
std::string share_words(const Finding& finding, std::string_view what) {
  const std::string all = counted(count(finding, "of"), what);
  if (count(finding, "channels") == count(finding, "of")) return "all " + all;
  return fmt::format("{} of {}: {}", count(finding, "channels"), all, channels_words(finding.channels));
}

std::string cause_words(const Finding& finding) {
  switch (finding.cause) {
    case Cause::not_finite:
      return finding.tensor.empty() ? "NaN or infinity comes in" : "NaN or infinity among the numbers";
    case Cause::frozen_statistics:
      return "statistics that never left their start";
    case Cause::frozen_parameters:
      return "as it was initialised: training did not change it";
    case Cause::few_updates:
      return "running statistics that are too young";
    case Cause::small_batches:
      return "training's batches were too small for their statistics";
    case Cause::old_statistics:
      return "statistics that are too old: not of the weights there are now";
    case Cause::variance_kind:
      return "a variance that mixes up rows and rows - 1 (biased, unbiased)";
    case Cause::epsilon:
      return "another epsilon than in training";
    case Cause::other_data:
      return "these rows are not like those of training";
    case Cause::low_variance:
      return "channels with hardly any variance";
    case Cause::zero_gamma:
      return "gamma is 0: channels that give a constant";
    case Cause::dead_units:
      return "dead units: relu gives 0 in every row";
    case Cause::example_rows:
      return "the file was changed after it was written";
  }
  return "";
}

std::string distance_words(const Finding& finding) {
  if (!has(finding, "median_mean_distance")) return "";
  const std::string where = finding.layers.size() > 1 ? fmt::format("in layer {} ", finding.layers[0]) : "";
  return where +
         fmt::format(
             "stored and measured means are {} standard deviations apart in the median channel and "
             "{} at most, standard deviations differ by a factor of {} and {}; {} of {} beyond chance",
             shown(number(finding, "median_mean_distance")), shown(number(finding, "most_mean_distance")),
             shown(number(finding, "median_deviation_factor")),
             shown(number(finding, "most_deviation_factor")), count(finding, "channels_beyond_chance"),
             counted(count(finding, "channels"), "channel"));
}

std::string inputs_words(const Finding& finding) {
  std::string text;
  for (std::size_t i = 0; i < std::min(finding.inputs.size(), kMostNamed); ++i) {
    const InputDistance& input = finding.inputs[i];
    text += fmt::format("{}{}: mean off by {} standard deviations", i == 0 ? "" : "; ", printable(input.name),
                        shown(input.mean));
    if (input.deviation > 1.1) text += fmt::format(", deviation by a factor of {}", shown(input.deviation));
  }
  if (finding.inputs.size() > kMostNamed)
    text += fmt::format("; and {} more of the inputs", with_commas(finding.inputs.size() - kMostNamed));
  return text;
}

std::string low_variance_words(const Finding& finding) {
  const std::string channels = channels_words(finding.channels);
  if (has(finding, "variance_in_training")) {
    return fmt::format(
        "{}: variance {} in training and {} here; epsilon {} is all that the layer divided by, "
        "so what varies now is made large",
        channels, shown(number(finding, "variance_in_training")), shown(number(finding, "variance_here")),
        number(finding, "epsilon"));
  }
  return fmt::format(
      "{}: variance {}, below epsilon {}, so the norm cannot bring it to 1; the layer multiplies "
      "differences by up to {}",
      channels, shown(number(finding, "variance_here")), number(finding, "epsilon"),
      shown(number(finding, "amplification")));
}

std::string epsilon_words(const Finding& finding) {
  std::string text = fmt::format("epsilon is {}, with {} the model does better; the median variance is {}",
                                 number(finding, "epsilon"), number(finding, "better_epsilon"),
                                 shown(number(finding, "median_variance")));
  if (has(finding, "distance_of_next_norm")) {
    text += fmt::format(
        "; what the next norm is given is {} standard deviations from what it was given in "
        "training, with the other epsilon {}",
        shown(number(finding, "distance_of_next_norm")),
        shown(number(finding, "distance_with_better_epsilon")));
  }
  return has(finding, "recorded_epsilon") ? text + "; the record of the training says so too" : text;
}

std::string small_batches_words(const Finding& finding) {
  if (has(finding, "loss_with_batches_less_by")) {
    return fmt::format(
        "{} rows a batch: with each batch's own statistics, as in training, the loss is {} less "
        "than with any that stay the same",
        count(finding, "batch"), shown(number(finding, "loss_with_batches_less_by")));
  }
  return fmt::format(
             "{} rows a batch and keep {} leave running means {} standard deviations of noise and "
             "variances at {} of what they are; ",
             count(finding, "batch"), number(finding, "keep"), shown(number(finding, "expected_mean_noise")),
             shown(number(finding, "expected_variance_share"))) +
         distance_words(finding);
}

// "model.ztilde" → "model.repaired.ztilde".
std::string beside(const std::string& model, const std::string& word) {
  const std::filesystem::path path(model);
  const std::string name = path.stem().string() + "." + word + path.extension().string();
  return (path.parent_path() / name).string();
}

std::string command(const std::string& verb, const DoctorContext& context, bool names_model,
                    const std::vector<std::string>& more) {
  std::vector<std::string> arguments;
  if (names_model) arguments.push_back(context.model);
  arguments.insert(arguments.end(), context.data.begin(), context.data.end());
  arguments.insert(arguments.end(), more.begin(), more.end());
  return shell_command(verb, arguments);
}

}  // namespace

std::string finding_title(const Model& model, const Finding& finding) {
  const std::string layers = layers_words(model, finding);
  return layers.empty() ? cause_words(finding) : layers + ": " + cause_words(finding);
}

std::string evidence_words(const Model& model, const Finding& finding) {
  switch (finding.cause) {
    case Cause::not_finite:
      return finding.tensor.empty() ? fmt::format("{} of what it is given overflows in these rows",
                                                  channels_words(finding.channels))
                                    : fmt::format("tensor {}.{}, {}", finding.layers[0], finding.tensor,
                                                  channels_words(finding.channels));
    case Cause::frozen_statistics:
      return fmt::format("every mean is 0 and every variance 1, after {}; ",
                         counted(count(finding, "updates"), "update")) +
             distance_words(finding);
    case Cause::frozen_parameters:
      return finding.tensor == "weight, bias"
                 ? fmt::format("every gamma is 1 and every beta 0 after {}",
                               counted(count(finding, "steps"), "step"))
                 : fmt::format("its weights are those that seed {} starts from, times one factor, after {}",
                               model.training.seed, counted(count(finding, "steps"), "step"));
    case Cause::few_updates:
      return fmt::format("{} with keep {} leave {:.1f} % of the start, mean 0 and variance 1, in them; ",
                         counted(count(finding, "updates"), "update"), number(finding, "keep"),
                         100 * number(finding, "start_left")) +
             distance_words(finding);
    case Cause::small_batches:
      return small_batches_words(finding);
    case Cause::old_statistics: {
      const std::string channels = channels_words(finding.channels);
      return distance_words(finding) + (channels.empty() ? "" : ": " + channels);
    }
    case Cause::variance_kind:
      return fmt::format(
          "stored variances are {} times those measured, in all channels alike, and means fit: "
          "{} of batches of {} rows",
          shown(number(finding, "ratio")),
          number(finding, "expected_ratio") > 1 ? "rows / (rows - 1)" : "(rows - 1) / rows",
          count(finding, "rows"));
    case Cause::epsilon:
      return epsilon_words(finding);
    case Cause::other_data: {
      const std::string inputs = inputs_words(finding), distance = distance_words(finding);
      return inputs + (inputs.empty() || distance.empty() ? "" : "; ") + distance;
    }
    case Cause::low_variance:
      return low_variance_words(finding);
    case Cause::zero_gamma:
      return share_words(finding, "channel");
    case Cause::dead_units:
      return share_words(finding, "unit");
    case Cause::example_rows:
      return fmt::format("its {} example rows give outputs up to {} away from those kept with them",
                         count(finding, "rows"), shown(number(finding, "largest_difference")));
  }
  return "";
}

std::string step_words(const Finding& finding, const Diagnosis& diagnosis) {
  if (!finding.loss_step || !std::isfinite(finding.loss_step->value)) return "";
  const LossStep& step = *finding.loss_step;
  return fmt::format("repaired, the {} {} by {} ± {}", diagnosis.labelled ? "loss" : "distance",
                     step.value >= 0 ? "falls" : "grows", shown(std::abs(step.value)), shown(step.error));
}

Advice advice_for(const Finding& finding, const Diagnosis& diagnosis, const DoctorContext& context) {
  const auto repair = [&](const std::string& words) {
    return Advice{words, command("doctor", context, true, {"--out", beside(context.model, "repaired")})};
  };
  const auto recalibrate = [&](const std::string& words) {
    // It reads models that load takes, and repairs statistics alone.
    if (!context.refusal.empty() || diagnosis.findings.size() > 1) return repair(words);
    return Advice{words,
                  command("recalibrate", context, true, {"--out", beside(context.model, "recalibrated")})};
  };
  const auto train_on = [&](const std::string& words, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--from", context.model};
    arguments.insert(arguments.end(), context.data.begin(), context.data.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.insert(arguments.end(), {"--out", beside(context.model, "tuned")});
    return Advice{words, shell_command("train", arguments)};
  };
  const auto anew = [&](const std::string& words, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = more;
    arguments.insert(arguments.end(), {"--out", beside(context.model, "new")});
    return Advice{words, command("train", context, false, arguments)};
  };
  switch (finding.cause) {
    case Cause::not_finite:
      if (finding.tensor.starts_with("running"))
        return repair("measure what is lost anew, over training rows");
      if (!finding.tensor.empty())
        return anew("such numbers are lost: go back to a checkpoint, or train anew", {});
      return {"look at the largest numbers of these rows, and of the layers below", ""};
    case Cause::frozen_statistics:
    case Cause::few_updates:
    case Cause::old_statistics:
    case Cause::variance_kind:
      return recalibrate("measure the statistics anew, over training rows");
    case Cause::small_batches:
      if (finding.loss_step) return recalibrate("measure the statistics anew, over training rows");
      return train_on("train on with larger batches", {"--batch", "64"});
    case Cause::epsilon:
      return repair("write the model with the other epsilon");
    case Cause::other_data:
      return recalibrate(
          "look at these inputs first; where the model is to be used on such rows, measure the "
          "statistics over them");
    case Cause::low_variance:
      if (finding.loss_step)
        return recalibrate("look at the inputs that were constant; measure over rows where they vary");
      return anew("look at what these channels are made of, or train with a larger epsilon",
                  {"--epsilon", "0.001"});
    case Cause::zero_gamma:
    case Cause::frozen_parameters:
      return train_on("they come back by training only, a few epochs at a small rate", {"--lr", "0.0002"});
    case Cause::dead_units:
      return anew("train anew with a smaller learning rate, or with an activation that has no dead side",
                  {"--activation", "leaky_relu"});
    case Cause::example_rows:
      return repair("take the file as it was written; or, where the change is meant, write it again");
  }
  return {};
}

}  // namespace ztilde::cli
