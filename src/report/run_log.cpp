#include "report/run_log.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::report {
namespace {

constexpr int kDeepest = 16;

// The members of a point that are lists of numbers or numbers, listed once for writing and reading.
template <class Norm, class Visit>
void for_each_number(Norm& norm, Visit visit) {
  visit("z", norm.z);
  visit("z_tilde", norm.z_tilde);
  visit("gamma", norm.gamma);
  visit("beta", norm.beta);
  visit("dead", norm.dead);
  visit("saturated", norm.saturated);
  visit("mean_distance", norm.mean_distance);
  visit("variance_ratio", norm.variance_ratio);
}

template <class Split, class Visit>
void for_each_time(Split& time, Visit visit) {
  visit("products", time.products);
  visit("normalisation", time.normalisation);
  visit("data", time.data);
  visit("optimiser", time.optimiser);
  visit("other", time.other);
}

// Where a value of a line is, and what to say of one that cannot be.
class Reader {
 public:
  Reader(const Json& object, const std::string& where) : object_(object), where_(where) {}

  [[noreturn]] void fail(const std::string& name, const char* wanted) const {
    throw Error(ErrorKind::data, fmt::format("{}: '{}' is {}; give a log as ztilde train --log writes it",
                                             where_, printable(name), wanted));
  }
  // NaN is written as null, for JSON has no word for it.
  void number(const char* name, double& value) const {
    if (const Json* found = find(name)) value = number_of(name, *found);
  }
  void number(const char* name, std::optional<double>& value) const {
    if (const Json* found = find(name)) value = number_of(name, *found);
  }
  template <std::size_t count>
  void number(const char* name, std::array<double, count>& values) const {
    const Json* found = find(name);
    if (!found) return;
    if (!found->is_array() || found->size() != count) fail(name, "not as many numbers as there should be");
    for (std::size_t i = 0; i < count; ++i) values[i] = number_of(name, (*found)[i]);
  }
  template <class Whole>
  void whole(const char* name, Whole& value, bool needed) const {
    const Json* found = find(name);
    if (!found && !needed) return;
    if (!found || !found->is_number_integer() || *found < 0) fail(name, "missing, or no whole number");
    value = found->get<Whole>();
  }
  const Json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }

 private:
  double number_of(const char* name, const Json& value) const {
    if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!value.is_number()) fail(name, "no number");
    return value.get<double>();
  }

  const Json& object_;
  const std::string& where_;
};

Json json_of(const NormPoint& norm) {
  Json object = {{"layer", norm.layer}};
  for_each_number(norm, [&](const char* name, const auto& value) {
    if constexpr (std::is_same_v<decltype(value), const std::optional<double>&>) {
      if (value) object[name] = *value;
    } else {
      object[name] = value;
    }
  });
  return object;
}

NormPoint norm_of(const Json& object, const std::string& where) {
  const Reader reader(object, where);
  if (!object.is_object()) reader.fail("norms", "no list of objects");
  NormPoint norm;
  reader.whole("layer", norm.layer, true);
  for_each_number(norm, [&](const char* name, auto& value) { reader.number(name, value); });
  return norm;
}

HistoryPoint point_of(const Json& line, const std::string& where) {
  const Reader reader(line, where);
  HistoryPoint point;
  reader.whole("step", point.step, true);
  reader.whole("epoch", point.epoch, false);
  point.train_loss = std::numeric_limits<double>::quiet_NaN();
  reader.number("train_loss", point.train_loss);
  reader.number("valid_loss", point.valid_loss);
  reader.number("valid_accuracy", point.valid_accuracy);
  reader.number("valid_rmse", point.valid_rmse);
  reader.number("lr", point.learning_rate);
  reader.number("seconds", point.seconds);
  reader.number("rows_per_second", point.rows_per_second);
  if (const Json* norms = reader.find("norms")) {
    if (!norms->is_array()) reader.fail("norms", "no list of objects");
    for (const Json& norm : *norms) point.norms.push_back(norm_of(norm, where));
  }
  if (const Json* time = reader.find("time")) {
    if (!time->is_object()) reader.fail("time", "no object");
    const Reader times(*time, where);
    for_each_time(point.time.emplace(),
                  [&](const char* name, double& seconds) { times.number(name, seconds); });
  }
  return point;
}

}  // namespace

Json line_of(const HistoryPoint& point) {
  Json line = {{"step", point.step}, {"epoch", point.epoch}, {"train_loss", point.train_loss}};
  if (point.valid_loss) line["valid_loss"] = *point.valid_loss;
  if (point.valid_accuracy) line["valid_accuracy"] = *point.valid_accuracy;
  if (point.valid_rmse) line["valid_rmse"] = *point.valid_rmse;
  line["lr"] = point.learning_rate;
  line["seconds"] = point.seconds;
  line["rows_per_second"] = point.rows_per_second;
  for (const NormPoint& norm : point.norms) line["norms"].push_back(json_of(norm));
  if (point.time) {
    for_each_time(*point.time, [&](const char* name, double seconds) { line["time"][name] = seconds; });
  }
  return line;
}

void RunLog::add(const Json& line, const std::string& where) {
  if (!line.is_object())
    throw Error(ErrorKind::data,
                fmt::format("{}: is no JSON object; give a log as ztilde train --log writes it", where));
  if (line.contains("run") && line["run"].is_object()) run = line["run"];
  if (line.contains("diverged") && line["diverged"].is_string()) {
    diverged = line["diverged"].get<std::string>();
    return;
  }
  HistoryPoint point = point_of(line, where);
  const bool ended = line.contains("result") && line["result"].is_object();
  if (ended) result = line["result"];
  if (!ended) {
    if (!points.empty() && points.back().epoch < point.epoch) points.back().epoch_end = true;
    point.epoch_end = point.valid_loss.has_value();
    points.push_back(std::move(point));
    return;
  }
  if (!points.empty()) points.back().epoch_end = true;
  for (const char* name :
       {"train_loss", "valid_loss", "valid_accuracy", "valid_rmse", "seconds", "rows_per_second"}) {
    if (line.contains(name)) result[name] = line[name];
  }
  result["steps"] = point.step;
}

RunLog read_run_log(std::string_view content, const std::string& file_name) {
  RunLog log;
  std::size_t number = 0, lines = 0;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    const std::string_view text = content.substr(0, end);
    content.remove_prefix(end == content.npos ? content.size() : end + 1);
    ++number;
    if (text.find_first_not_of(" \t\r") == text.npos) continue;
    // What is deeper than any log goes has no meaning here, and could exhaust the stack.
    const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth < kDeepest; };
    const Json line = Json::parse(text, shallow, false);
    const bool cut = end == std::string_view::npos && line.is_discarded();
    if (cut && lines > 0) break;
    log.add(line, fmt::format("{}:{}", file_name, number));
    ++lines;
  }
  if (lines == 0)
    throw Error(ErrorKind::data,
                fmt::format("{}: is empty; give a log as ztilde train --log writes it", file_name));
  return log;
}

}  // namespace ztilde::report
