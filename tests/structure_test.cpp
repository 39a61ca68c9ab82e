// What must stay true of the source tree itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>

namespace ztilde {
namespace {

namespace fs = std::filesystem;
const fs::path kSource = ZTILDE_SOURCE_DIR;

std::string content(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Structure, includes_point_from_right_to_left_only) {
  // base ← tensor ← kernels ← layers ← plan ← {data, model} ← training ← doctor ← exchange ← onnx ← search ←
  // report ← lab ← cli (docs/design.md); base ← distributed.
  const std::map<std::string, int> place = {
      {"base", 0},    {"tensor", 1},   {"kernels", 2}, {"layers", 3},     {"plan", 4}, {"data", 5},
      {"model", 5},   {"training", 6}, {"doctor", 7},  {"exchange", 8},   {"onnx", 9}, {"search", 10},
      {"report", 11}, {"lab", 12},     {"cli", 13},    {"distributed", 1}};
  const std::regex include("#include \"([a-z]+)/");
  int checked = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kSource / "src")) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
    const std::string name = entry.path().filename();
    // Tests may look to the right for material.
    if (name.find("_test") != std::string::npos) continue;
    const std::string room = entry.path().parent_path().filename();
    ASSERT_TRUE(place.count(room)) << "src/" << room << " is not a room of docs/design.md";
    const std::string text = content(entry.path());
    for (std::sregex_iterator match(text.begin(), text.end(), include), end; match != end; ++match) {
      const std::string other = (*match)[1];
      if (other == "ztilde" || other == "hwy") continue;
      ASSERT_TRUE(place.count(other)) << entry.path() << " includes " << other;
      EXPECT_TRUE(other == room || place.at(other) < place.at(room)) << entry.path() << " includes " << other;
      ++checked;
    }
  }
  EXPECT_GT(checked, 50);
}

TEST(Structure, only_the_kernels_know_onednn_and_highway) {
  for (const auto& entry : fs::recursive_directory_iterator(kSource / "src")) {
    if (!entry.is_regular_file() || entry.path().parent_path().filename() == "kernels") continue;
    const std::string text = content(entry.path());
    EXPECT_EQ(text.find("dnnl.h"), std::string::npos) << entry.path();
    EXPECT_EQ(text.find("hwy/"), std::string::npos) << entry.path();
  }
}

TEST(Structure, the_public_headers_include_the_standard_library_and_each_other_only) {
  const std::regex include("#include [\"<]([^\">]+)[\">]");
  for (const auto& entry : fs::directory_iterator(kSource / "include/ztilde")) {
    const std::string text = content(entry.path());
    for (std::sregex_iterator match(text.begin(), text.end(), include), end; match != end; ++match) {
      const std::string header = (*match)[1];
      EXPECT_TRUE(header.rfind("ztilde/", 0) == 0 || header.find_first_of("./") == std::string::npos)
          << entry.path() << " includes " << header;
    }
  }
}

TEST(Structure, no_source_file_is_past_600_lines) {
  for (const char* folder : {"src", "include", "tests", "examples"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kSource / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp" && extension != ".py") continue;
      const std::string text = content(entry.path());
      EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 600) << entry.path();
    }
  }
}

TEST(Structure, the_readme_shows_the_quickstart_that_is_compiled) {
  const std::string readme = content(kSource / "README.md");
  const std::string quickstart = content(kSource / "examples/quickstart.cpp");
  const std::string code = quickstart.substr(quickstart.find("#include"));
  EXPECT_NE(readme.find(code), std::string::npos);
}

}  // namespace
}  // namespace ztilde
