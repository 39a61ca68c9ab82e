#include <fmt/format.h>

#include <limits>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "lab/bowl.hpp"
#include "lab/bowl_picture.hpp"
#include "lab/bowl_rows.hpp"
#include "lab/experiments.hpp"
#include "lab/statistics.hpp"

namespace ztilde::lab {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A bowl in one representation, raw or standardised.
struct Side {
  Bowl bowl;
  std::vector<double> best;
  double condition = kNaN;
  Descent descent;
};

struct Comparison {
  std::string words;
  bool has_bottom = false;
  Side raw, scaled;

  double condition_ratio() const { return has_bottom ? raw.condition / scaled.condition : kNaN; }
  // A descent that was broken off takes more steps than these. Where both were, the curvatures at the bottom
  // have to tell.
  double step_ratio() const {
    if (!has_bottom) return kNaN;
    if (!scaled.descent.arrived) return raw.descent.estimate / scaled.descent.estimate;
    return static_cast<double>(raw.descent.steps) / static_cast<double>(scaled.descent.steps);
  }
  // "κ by 44,000 and the steps by at least 370"
  std::string gain_words() const {
    if (!has_bottom) return "nothing that could be measured";
    const char* how = scaled.descent.arrived ? raw.descent.arrived ? "" : "at least " : "about ";
    return fmt::format("κ by {} and the steps by {}{}", two_digits(condition_ratio()), how,
                       two_digits(step_ratio()));
  }
};

// The same rows in both representations; the bottom is the same function.
Comparison compared(const BowlRows& rows) {
  Comparison result;
  result.words = rows.words;
  if (rows.bowl.rows() == 0 || rows.names.empty()) return result;
  const Scaling scaling = scaling_of(rows.bowl);
  result.raw.bowl = rows.bowl;
  result.scaled.bowl = standardised(rows.bowl, scaling);
  const auto best = bottom(result.scaled.bowl);
  if (!best) return result;
  result.has_bottom = true;
  result.scaled.best = *best;
  result.raw.best = raw_weights(*best, scaling);
  for (Side* side : {&result.raw, &result.scaled})
    side->condition = eigen(side->bowl.hessian(side->best), side->bowl.inputs).condition();
  return result;
}

std::string steps_words(const Descent& descent) {
  return descent.arrived ? with_commas(descent.steps)
                         : fmt::format("more than {}; about {} by the curvature at the bottom",
                                       with_commas(descent.steps), two_digits(descent.estimate));
}

Json row_of(const std::string& name, const Side& side) {
  return {name, fmt::format("{:.4g}", side.condition), steps_words(side.descent),
          fmt::format("{:.1e}", side.descent.gap)};
}

Json points_of(const Comparison& each) {
  Json result = {{"rows", each.raw.bowl.rows()}, {"inputs", each.raw.bowl.inputs}};
  if (!each.has_bottom) return result;
  for (const auto& [name, side] : {std::pair{"raw", &each.raw}, {"standardised", &each.scaled}}) {
    result[name] = {{"condition", side->condition},     {"steps", side->descent.steps},
                    {"arrived", side->descent.arrived}, {"estimated_steps", side->descent.estimate},
                    {"gap", side->descent.gap},         {"bottom", side->best}};
  }
  return result;
}

// The slice at the best bias, where two weights are left to draw.
void add_pictures(Context& context, const Comparison& made, std::uint64_t most_steps, Json& blocks) {
  const auto stop = [&](std::uint64_t) { context.advance(0); };
  const auto add = [&](const std::string& title, const Side& side, std::initializer_list<Axes> all_axes) {
    const Bowl bowl = slice(side.bowl, side.best[2]);
    const std::vector<double> best = {side.best[0], side.best[1]};
    const Descent descent = descend(bowl, best, most_steps, stop);
    for (const Axes axes : all_axes) {
      blocks.push_back(bowl_picture(title + (axes == Axes::stretched ? ", the second weight magnified" : ""),
                                    bowl, best, descent, axes));
    }
  };
  add("Raw", made.raw, {Axes::equal, Axes::stretched});
  add("Standardised", made.scaled, {Axes::equal});
}

Findings run(Context& context) {
  const auto rows = context.pick<std::size_t>(400, 100);
  const auto most_steps = context.pick<std::uint64_t>(400'000, 150'000);
  Comparison made = compared(made_rows(rows, context.seed)), real = compared(real_rows(context.data, rows));
  const std::pair<Comparison*, Side Comparison::*> runs[] = {{&made, &Comparison::raw},
                                                             {&real, &Comparison::raw},
                                                             {&made, &Comparison::scaled},
                                                             {&real, &Comparison::scaled}};
  context.parallel(0.9, std::size(runs), [&](Trial& trial) {
    const auto& [comparison, member] = runs[trial.index];
    if (!comparison->has_bottom) return;
    Side& side = comparison->*member;
    side.descent = descend(side.bowl, side.best, most_steps, [&](std::uint64_t steps) {
      trial.tell(static_cast<double>(steps) / static_cast<double>(most_steps));
    });
  });

  Findings findings;
  findings.values = {made.condition_ratio(), made.step_ratio(), real.condition_ratio(), real.step_ratio()};
  Json table = Json::array();
  if (made.has_bottom) {
    add_pictures(context, made, most_steps / 10, findings.blocks);
    table.push_back(row_of("two made inputs, raw", made.raw));
    table.push_back(row_of("two made inputs, standardised", made.scaled));
  }
  if (real.has_bottom) {
    table.push_back(row_of(context.data.name + ", raw", real.raw));
    table.push_back(row_of(context.data.name + ", standardised", real.scaled));
  }
  findings.blocks.push_back(report::text(
      "Seen from above at the best bias, with one scale for both weights, the raw bowl is a crack: its "
      "contours "
      "are too narrow for their lines to part, and descent falls in and then crawls along it. Magnifying one "
      "weight until the contours look round is what standardising does."));
  findings.blocks.push_back(report::table("The shape of the bowl and the steps to its bottom",
                                          {"rows", "κ of the Hessian", "steps", "loss left, as a share"},
                                          table));
  findings.points = {{"made", points_of(made)}, {"real", points_of(real)}};
  findings.sentence = fmt::format("Standardising divides {} on two made inputs; on {} {}.", made.gain_words(),
                                  context.data.name, real.gain_words());
  findings.ran = fmt::format(
      "logistic regression on {} rows ({}) and on {} rows of {} ({}), in double; gradient descent from 0 at "
      "the "
      "rate 1 / (largest curvature anywhere) until 1e-6 of the first loss above the bottom is left, {} steps "
      "at most",
      made.raw.bowl.rows(), made.words, real.raw.bowl.rows(), context.data.name, real.words,
      with_commas(most_steps));
  findings.why_not =
      real.has_bottom || !context.data.own
          ? "columns that come on the same scale already have round contours as they are; and columns that "
            "nearly repeat each other leave a long bowl after standardising too, which scales but does not "
            "turn."
          : "the table has no numeric columns, or a plane separates its answers, so that the loss "
            "has no bottom.";
  context.advance(0.1);
  return findings;
}

}  // namespace

Experiment bowls() {
  using Is = Threshold::Is;
  return {
      .name = "bowls",
      .title = "Round bowls",
      .claim =
          "Normalised inputs make the loss's contours round, so that gradient descent needs far fewer steps.",
      .source = "the lecture (normalising the input layer); LeCun et al. 1998, Efficient BackProp",
      .about =
          "Logistic regression has a bowl with one bottom. κ, the largest over the smallest curvature "
          "there, says how far from round it is. The same rows are learned raw and standardised, at "
          "the rate that is safe for each.",
      .thresholds = {{"κ, raw over standardised, made inputs", Is::at_least, 1e3, 0, {}, "{:.4g}"},
                     {"steps, raw over standardised, made inputs", Is::at_least, 100, 0, {}, "{:.4g}"},
                     {"κ, raw over standardised, real rows", Is::at_least, 1e3, 0, {}, "{:.4g}"},
                     {"steps, raw over standardised, real rows", Is::at_least, 100, 0, {}, "{:.4g}"}},
      .takes_data = true,
      .seconds = 5,
      .quick_seconds = 1,
      .run = run};
}

}  // namespace ztilde::lab
