#include "report/page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/blocks.hpp"

namespace ztilde::report {
namespace {

using testing::HasSubstr;
using testing::Not;

Json page_with(Json blocks) {
  return {{"title", "a run"},
          {"subtitle", ""},
          {"sections", Json::array({section("one", "One", "", std::move(blocks))})}};
}

// The JSON that the page's script will read.
Json embedded(const std::string& file) {
  const std::string start = "<script type=\"application/json\" id=\"content\">";
  const std::size_t from = file.find(start) + start.size();
  return Json::parse(file.substr(from, file.find("</script>", from) - from));
}

TEST(Page, holds_its_json_whatever_the_texts_are) {
  const std::string evil = "</script><img src=x onerror=alert(1)><!-- \"'&@page.js@\u2028";
  Json page = page_with(Json::array({text(evil), code(evil)}));
  page["title"] = evil;
  const std::string file = html(page);
  EXPECT_EQ(embedded(file), page);
  EXPECT_THAT(file, Not(HasSubstr("<img")));
  EXPECT_THAT(file, HasSubstr("<title>&lt;/script&gt;"));
}

TEST(Page, replaces_bytes_that_are_no_utf8) {
  Json page = page_with(Json::array({text("a\xff z")}));
  page["title"] = "b\xfe";
  const Json read = embedded(html(page));
  EXPECT_EQ(read["sections"][0]["blocks"][0]["text"], "a\ufffd z");
  EXPECT_EQ(read["title"], "b\ufffd");
}

TEST(Page, holds_no_remote_address) {
  for (const PageUse use : {PageUse::offline, PageUse::live}) {
    const std::string file = html(page_with(Json::array()), use);
    EXPECT_THAT(file, Not(HasSubstr("http://")));
    EXPECT_THAT(file, Not(HasSubstr("https://")));
    EXPECT_THAT(file, HasSubstr("Chart.js v3"));
  }
}

TEST(Page, asks_a_server_for_more_only_when_live) {
  EXPECT_THAT(html(page_with(Json::array())), HasSubstr("connect-src 'none'"));
  EXPECT_THAT(html(page_with(Json::array()), PageUse::live), HasSubstr("connect-src 'self'"));
}

TEST(Blocks, a_chart_is_its_specification_with_the_data_filled_in) {
  const Json block = chart("lines", {{"title", "falls"},
                                     {"alt", "it falls"},
                                     {"x", "step"},
                                     {"y", "loss"},
                                     {"y_type", "logarithmic"},
                                     {"datasets", Json::array({{{"label", "a"}, {"role", "train"}}})}});
  EXPECT_EQ(block["type"], "chart");
  EXPECT_EQ(block["title"], "falls");
  EXPECT_FALSE(block.contains("note")) << "what has no value is left out";
  const Json& config = block["config"];
  EXPECT_EQ(config["data"]["datasets"][0]["role"], "train");
  EXPECT_EQ(config["options"]["scales"]["x"]["type"], "linear") << "the specification's own value";
  EXPECT_EQ(config["options"]["scales"]["y"]["type"], "logarithmic");
  EXPECT_EQ(config["options"]["scales"]["x"]["title"]["display"], true);
  EXPECT_THROW(chart("nothing", {}), std::out_of_range);
}

TEST(Blocks, a_word_of_the_data_that_looks_like_a_name_stays_as_it_is) {
  EXPECT_EQ(chart("lines", {{"title", "$alt"}, {"alt", "x"}, {"datasets", Json::array()}})["title"], "$alt");
}

TEST(Blocks, base64_of_0_to_3_bytes_beyond_whole_groups) {
  const std::vector<std::uint8_t> bytes = {0, 255, 16, 131, 7};
  const std::string expected[] = {"", "AA==", "AP8=", "AP8Q", "AP8Qgw==", "AP8Qgwc="};
  for (std::size_t count = 0; count <= 5; ++count)
    EXPECT_EQ(base64(std::span(bytes).first(count)), expected[count]);
}

TEST(Blocks, cells_without_a_value_are_null) {
  const Json block = heatmap({.title = "t",
                              .alt = "a",
                              .x = {"rate", {"1", "2"}},
                              .y = {"scale", {"3"}},
                              .cells = {{0.5, std::nullopt}},
                              .hatched = {{false, true}},
                              .scale = {.label = "accuracy"}});
  EXPECT_EQ(block["cells"].dump(), "[[0.5,null]]");
  EXPECT_EQ(block["hatched"].dump(), "[[false,true]]");
}

}  // namespace
}  // namespace ztilde::report
