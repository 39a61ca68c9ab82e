#include "search/plan_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace ztilde::search {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kKinds[] = {"real", "logarithmic", "whole", "choice", "layers"};
constexpr const char* kTasks[] = {"classify", "regress"};

template <std::size_t count>
std::size_t index_of(const char* const (&names)[count], const std::string& name) {
  const auto* found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) throw std::runtime_error("unknown word in the plan");
  return static_cast<std::size_t>(found - names);
}

// The members, listed once for writing and reading.
template <class T, class Visit>
void for_each_member(T& dimension, Visit visit) requires requires {
  dimension.least;
}
{
  visit("option", dimension.option);
  visit("text", dimension.text);
  visit("least", dimension.least);
  visit("most", dimension.most);
  visit("logarithmic_whole", dimension.logarithmic_whole);
  visit("least_layers", dimension.least_layers);
  visit("most_layers", dimension.most_layers);
  visit("choices", dimension.choices);
}
template <class T, class Visit>
void for_each_member(T& plan, Visit visit) requires requires {
  plan.rungs;
}
{
  visit("version", plan.version);
  visit("fixed", plan.fixed);
  visit("data", plan.data_words);
  visit("data_fingerprint", plan.data_fingerprint);
  visit("seed", plan.seed);
  visit("epochs", plan.epochs);
  visit("rungs", plan.rungs);
  visit("reduction", plan.reduction);
  visit("first", plan.first);
  visit("first_to_end", plan.first_to_end);
  visit("most_deaths", plan.most_deaths);
}

template <class T>
Json members_of(const T& value) {
  Json json;
  for_each_member(value, [&json](const char* name, const auto& member) { json[name] = member; });
  return json;
}
template <class T>
void read_members(const Json& json, T& value) {
  for_each_member(value, [&json](const char* name, auto& member) { json.at(name).get_to(member); });
}

// Bytes of names that are no UTF-8 are replaced: paths may have such, and JSON may not.
std::string written(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string options_text(const OptionTexts& options) { return written(Json(options)); }

OptionTexts parse_options(const std::string& text) { return Json::parse(text).get<OptionTexts>(); }

std::string plan_text(const StudyPlan& plan) {
  Json json = members_of(plan);
  json["task"] = kTasks[static_cast<std::size_t>(plan.task)];
  json["dimensions"] = Json::array();
  for (const Dimension& dimension : plan.dimensions) {
    Json entry = members_of(dimension);
    entry["kind"] = kKinds[static_cast<std::size_t>(dimension.kind)];
    json["dimensions"].push_back(entry);
  }
  return written(json);
}

StudyPlan parse_plan(const std::string& text) {
  const Json json = Json::parse(text);
  StudyPlan plan;
  read_members(json, plan);
  if (plan.reduction == 0) throw std::runtime_error("a reduction of 0");
  plan.task = static_cast<Task>(index_of(kTasks, json.at("task").get<std::string>()));
  for (const Json& entry : json.at("dimensions")) {
    Dimension& dimension = plan.dimensions.emplace_back();
    read_members(entry, dimension);
    dimension.kind = static_cast<DimensionKind>(index_of(kKinds, entry.at("kind").get<std::string>()));
  }
  return plan;
}

}  // namespace ztilde::search
