// Units that do nothing: dead ones, and those that hardly vary. Judged with statistics that fit.
#include <algorithm>
#include <cmath>

#include "doctor/examination.hpp"
#include "layers/scalar.hpp"

namespace ztilde::doctor {
namespace {

// A few dead units are in many a sound network; an eighth of a layer is a narrower layer.
constexpr double kDeadShare = 0.125;
constexpr std::size_t kLeastDead = 2;
// An epsilon above every system's default was chosen so: variances below it are meant to be.
constexpr double kLargestDefault = 1e-3;
// A variance is known where it is so many times its own error: that of a unit which one row alone moves is
// not.
constexpr double kErrors = 3;

std::vector<std::size_t> dead_units(const NormMoments& norm, const Model& model) {
  std::vector<std::size_t> dead;
  for (std::size_t c = 0; c < norm.channels(); ++c) {
    if (norm.gamma[c] == 0) continue;  // a cause of its own
    if (norm.inner == ActivationKind::relu && norm.most[c] <= 0) dead.push_back(c);
    if (norm.next != ActivationKind::relu) continue;
    const double mean = model.statistics[norm.slot.offset + c];
    const double variance = model.statistics[norm.slot.offset + norm.channels() + c];
    const double furthest = norm.gamma[c] > 0 ? norm.most[c] : norm.least[c];
    const double z_norm = (furthest - mean) * reference::inverse_std(variance, norm.fields.epsilon);
    if (norm.gamma[c] * z_norm + norm.beta[c] <= 0) dead.push_back(c);
  }
  return dead;
}

void examine_dead(Examination& e, const NormMoments& norm) {
  std::vector<std::size_t> dead = dead_units(norm, e.work.model);
  const double share = static_cast<double>(dead.size()) / static_cast<double>(norm.channels());
  if (dead.size() < kLeastDead || share < kDeadShare) return;
  Finding& finding = e.add(Cause::dead_units, {norm.slot.layer});
  finding.evidence = {{"channels", static_cast<double>(dead.size())},
                      {"of", static_cast<double>(norm.channels())}};
  finding.channels = std::move(dead);
}

void examine_low_variance(Examination& e, const NormMoments& norm) {
  const double limit = std::min(norm.fields.epsilon, kLargestDefault);
  std::vector<std::size_t> low;
  double amplification = 0;
  for (std::size_t c = 0; c < norm.channels(); ++c) {
    const double variance = norm.variance[c], error = kErrors * norm.variance_error[c];
    if (norm.gamma[c] == 0 || variance + error > limit || variance <= error) continue;
    low.push_back(c);
    amplification =
        std::max(amplification, std::abs(norm.gamma[c]) / std::sqrt(variance + norm.fields.epsilon));
  }
  if (low.empty()) return;
  Finding& finding = e.add(Cause::low_variance, {norm.slot.layer});
  finding.evidence = {{"channels", static_cast<double>(low.size())},
                      {"epsilon", norm.fields.epsilon},
                      {"variance_here", norm.variance[low[0]]},
                      {"amplification", amplification}};
  finding.channels = std::move(low);
}

}  // namespace

void examine_units(Examination& e) {
  for (const NormMoments& norm : e.work.measured.norms) {
    examine_dead(e, norm);
    examine_low_variance(e, norm);
  }
}

}  // namespace ztilde::doctor
