#include "lab/document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string_view>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"
#include "lab/judge.hpp"
#include "report/page.hpp"
#include "ztilde/error.hpp"

namespace ztilde::lab {
namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) return line.substr(colon + 2);
  }
  return "an unknown processor";
}

Json numbers_of(const Judgement& judgement) {
  // The same words as on the page.
  return report::verdict(judgement.verdict, "", judgement.numbers).at("numbers");
}

std::vector<report::VerdictNumber> numbers_from(const Json& numbers) {
  std::vector<report::VerdictNumber> result;
  for (const Json& number : numbers) {
    result.push_back({number.at("label"), number.at("value"), number.at("threshold"), number.at("met")});
  }
  return result;
}

Verdict verdict_from(const std::string& name) {
  for (const Verdict verdict : {Verdict::reproduced, Verdict::beyond}) {
    if (name == report::to_string(verdict)) return verdict;
  }
  return Verdict::not_reproduced;
}

Json section_of(const Json& document) {
  Json blocks = Json::array();
  const std::string verdict = document.at("verdict");
  blocks.push_back(
      report::verdict(verdict_from(verdict), document.at("sentence"), numbers_from(document.at("numbers"))));
  blocks.push_back(report::text(document.at("about")));
  for (const Json& block : document.at("blocks")) blocks.push_back(block);
  if (document.contains("why_not"))
    blocks.push_back(report::text("Why it may be so: " + document.at("why_not").get<std::string>()));
  const bool quick = document.at("quick");
  Json rows = Json::array();
  const auto row = [&](const char* name, const std::string& value) { rows.push_back({name, value}); };
  row("version",
      quick ? "the quick one, made smaller for teaching; its verdict weighs less" : "the whole one");
  row("run", document.at("ran"));
  row("rows", document.at("data"));
  row("time", fmt::format("{} on {} of {}", shown_duration(document.at("seconds")),
                          counted(document.at("threads").get<std::uint64_t>(), "thread"),
                          document.at("machine").get<std::string>()));
  row("where the claim comes from", document.at("source"));
  blocks.push_back(report::table("What was run", {"", ""}, rows));
  blocks.push_back(report::code(document.at("command")));  // for the same again
  const std::string title = document.at("title");
  return report::section(document.at("experiment"), quick ? title + " (quick version)" : title,
                         "Claim: " + document.at("claim").get<std::string>(), std::move(blocks));
}

// For a narrow column: "52.6 s", "2.2 min".
std::string short_duration(double seconds) {
  return seconds < 60 ? fmt::format("{:.1f} s", seconds) : fmt::format("{:.1f} min", seconds / 60);
}

// All verdicts at a glance.
Json summary_of(const std::vector<Json>& documents) {
  Json rows = Json::array();
  for (const Json& document : documents) {
    rows.push_back({document.at("title"), document.at("claim"),
                    document.at("verdict").get<std::string>() + (document.at("quick") ? " (quick)" : ""),
                    short_duration(document.at("seconds"))});
  }
  Json blocks = Json::array();
  blocks.push_back(report::table("All verdicts", {"experiment", "claim", "verdict", "time"}, rows));
  return report::section(
      "verdicts", "Verdicts",
      "Every verdict follows from thresholds that were fixed before the run. Models are "
      "compared in the form in which they are used, learning rates are chosen for each arm on "
      "validation rows, and both arms of a pair have the same seeds.",
      std::move(blocks));
}

}  // namespace

Json run(const Experiment& experiment, Context& context) {
  const auto start = std::chrono::steady_clock::now();
  Findings findings = experiment.run(context);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Judgement judgement = judge(experiment.thresholds, findings.values);

  Json document = {{"experiment", experiment.name},
                   {"title", experiment.title},
                   {"claim", experiment.claim},
                   {"source", experiment.source},
                   {"about", experiment.about},
                   {"quick", context.quick},
                   {"data", context.data.name},
                   {"seed", context.seed},
                   {"verdict", std::string(report::to_string(judgement.verdict))},
                   {"sentence", findings.sentence},
                   {"numbers", numbers_of(judgement)}};
  if (judgement.verdict == Verdict::not_reproduced && !findings.why_not.empty())
    document["why_not"] = findings.why_not;
  document["ran"] = findings.ran;
  document["command"] =
      fmt::format("ztilde lab {}{}{}{}", experiment.name, context.quick ? " --quick" : "",
                  context.seed != 0 ? fmt::format(" --seed {}", context.seed) : "", context.data.options);
  document["seconds"] = seconds;
  document["threads"] = context.threads;
  document["machine"] = processor();
  document["version"] = ZTILDE_VERSION;
  document["blocks"] = std::move(findings.blocks);
  document["points"] = std::move(findings.points);
  return document;
}

Json parse_document(const std::string& content, const std::string& file_name) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorKind::data,
                fmt::format("{}: {}; it was not written by this lab: move it away or choose another --out",
                            shown_path(file_name), what));
  };
  Json document = Json::parse(content, nullptr, false);
  if (!document.is_object()) refuse("is no JSON object");
  try {
    // What the page reads is there, and of its kind, when this succeeds.
    page_of({document});
  } catch (const Json::exception&) {
    refuse("lacks what an experiment's file has");
  }
  return document;
}

Json page_of(const std::vector<Json>& documents) {
  Json sections = Json::array();
  sections.push_back(summary_of(documents));
  std::size_t quick = 0;
  for (const Json& document : documents) {
    sections.push_back(section_of(document));
    quick += document.at("quick").get<bool>() ? 1 : 0;
  }
  const std::string size = quick == 0                  ? ""
                           : quick == documents.size() ? " · the quick version of the lab"
                                                       : fmt::format(" · {} in the quick version", quick);
  return {{"title", "The lab: claims about batch norm, measured"},
          {"subtitle", counted(documents.size(), "experiment") + size},
          {"sections", sections}};
}

}  // namespace ztilde::lab
