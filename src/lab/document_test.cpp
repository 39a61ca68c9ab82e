#include "lab/document.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <regex>
#include <stdexcept>
#include <string>

#include "base/test_support.hpp"
#include "report/page.hpp"

namespace ztilde::lab {
namespace {

const Experiment& experiment(const std::string& name) {
  for (const Experiment& each : experiments()) {
    if (each.name == name) return each;
  }
  throw std::out_of_range(name);
}

// Pictures of 28 × 28 in two kinds that are not quite told apart by how much ink there is.
Dataset pictures(std::size_t rows, std::uint32_t seed) {
  Dataset data;
  data.rows = rows;
  data.columns = 784;
  for (int c = 0; c < 10; ++c) data.classes.push_back(std::to_string(c));
  std::uint32_t state = seed;
  const auto random = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
  for (std::size_t r = 0; r < rows; ++r) {
    const std::uint32_t label = 6 * (random() % 2), size = 8 + label + random() % 12, left = random() % 6;
    for (std::uint32_t p = 0; p < 784; ++p) {
      const bool inside = p / 28 >= left && p / 28 < left + size && p % 28 >= left && p % 28 < left + size;
      data.bytes.push_back(static_cast<std::uint8_t>(inside ? 1 + random() % 255 : 0));
    }
    data.targets.push_back(static_cast<float>(label));
  }
  return data;
}

const Data& small_data() {
  static const Data data = {pictures(1200, 1), pictures(300, 2), pictures(300, 3), "made pictures", false};
  return data;
}

Json document_of(const std::string& name, std::size_t threads, std::uint64_t seed = 0) {
  Context context(small_data(), {.quick = true, .seed = seed, .threads = threads});
  return run(experiment(name), context);
}

// Takes out what a clock has said: members of that name, and "1.3 s" in words and cells of tables.
void forget_seconds(Json& json) {
  static const std::regex seconds(R"([0-9]+(\.[0-9]+)? s\b)");
  if (json.is_string()) json = std::regex_replace(json.get<std::string>(), seconds, "some s");
  if (json.is_object()) json.erase("seconds");
  if (!json.is_structured()) return;
  for (Json& member : json) forget_seconds(member);
}

// The experiments that take rows train many networks side by side; one of the others stands for the rest.
TEST(LabDocuments, are_the_same_for_a_seed_whatever_the_threads) {
  for (const char* name : {"bowls", "identity", "sigmoid", "placement", "map", "batch-size", "optimisers"}) {
    Json one;
    for (const std::size_t threads : {1, 2, 4}) {
      Json here = document_of(name, threads);
      EXPECT_EQ(here["threads"], threads);
      here.erase("threads");
      forget_seconds(here);
      if (one.is_null()) one = here;
      EXPECT_EQ(here, one) << name << ", threads " << threads;
    }
    EXPECT_NE(document_of(name, 2, 1)["points"], one["points"]) << name;
  }
}

TEST(LabDocuments, are_json_that_makes_a_page) {
  const Json document = document_of("identity", 2);
  const std::string text = document.dump();
  EXPECT_EQ(parse_document(text, "identity.json"), document);
  const Json page = page_of({document});
  ASSERT_EQ(page["sections"].size(), 2u);
  EXPECT_EQ(page["sections"][1]["id"], "identity");
  EXPECT_EQ(page["sections"][1]["blocks"][0]["type"], "verdict");
  EXPECT_EQ(page["sections"][1]["blocks"][0]["verdict"], document["verdict"]);
  EXPECT_NE(report::html(page).find("quick version"), std::string::npos);
}

TEST(LabDocuments, say_why_only_where_the_claim_is_not_reproduced) {
  Experiment made;
  made.name = made.title = made.claim = made.source = made.about = "made";
  made.thresholds = {{.label = "x", .bound = 1}};
  made.run = [](Context& context) {
    Findings findings;
    findings.values = {context.seed == 0 ? 1.0 : 0.5};
    findings.why_not = "because";
    return findings;
  };
  Context good(small_data(), {.seed = 0, .threads = 1}), bad(small_data(), {.seed = 1, .threads = 1});
  const Json reproduced = run(made, good), missed = run(made, bad);
  EXPECT_EQ(reproduced["verdict"], "reproduced");
  EXPECT_FALSE(reproduced.contains("why_not"));
  EXPECT_EQ(missed["verdict"], "not reproduced");
  EXPECT_NE(page_of({missed}).dump().find("Why it may be so: because"), std::string::npos);
}

TEST(LabDocuments, of_others_are_refused) {
  const TemporaryFolder folder;
  const std::string end = "; it was not written by this lab: move it away or choose another --out";
  EXPECT_EQ(failure(folder, [] { parse_document("[1", "bowls.json"); }),
            "data: bowls.json: is no JSON object" + end);
  EXPECT_EQ(failure(folder, [] { parse_document("{\"verdict\": 3}", "bowls.json"); }),
            "data: bowls.json: lacks what an experiment's file has" + end);
}

TEST(Identity, is_what_the_values_of_the_claim_make_and_the_trained_ones_do_not) {
  const Json document = document_of("identity", 1);
  EXPECT_EQ(document["verdict"], "reproduced");
  for (const Json& layer : document["points"]["layers"]) {
    EXPECT_LT(layer["relative"], 1e-6);
    EXPECT_GT(layer["difference_before"], 1e-3);
  }
}

}  // namespace
}  // namespace ztilde::lab
