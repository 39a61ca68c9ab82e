// ztilde export --c: the program made of the source answers as ztilde predict does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "exchange/c_test_support.hpp"
#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Cells between tabs to answers between commas, as the header says how; texts where columns have categories.
constexpr const char* kProgram = R"(
#include "m.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  static float scratch[M_SCRATCH], row[M_INPUTS];
  static char line[100000];
  while (fgets(line, sizeof line, stdin)) {
    char *cell = line;
    int c;
    line[strcspn(line, "\n")] = '\0';
    for (c = 0; c < M_INPUTS; ++c) {
      char *const end = cell + strcspn(cell, "\t");
      char *const next = *end == '\0' ? end : end + 1;
      int category = -1;
      *end = '\0';
#ifdef CATEGORIES
      category = m_category(c, cell);
#endif
      row[c] = category >= 0 ? (float)category : *cell == '\0' ? NAN : strtof(cell, NULL);
      cell = next;
    }
#ifdef M_CLASSES
    {
      float probabilities[M_CLASSES];
      printf("%s", m_class_names[m_predict(row, probabilities, scratch)]);
      for (c = 0; c < M_CLASSES; ++c) printf(",%.9g", (double)probabilities[c]);
    }
#else
    printf("%.9g", (double)m_predict(row, scratch));
#endif
    printf("\n");
  }
  return 0;
}
)";

constexpr std::size_t kSide = 12, kImages = 90;

// A table, and its inputs as cells between tabs.
struct Rows {
  std::string csv, cells;
};

// Numbers and texts with everything that tables have: missing ones, quotes, accents, many categories.
Rows passengers(std::size_t rows) {
  std::mt19937 random(5);
  std::normal_distribution<double> normal(0, 1);
  const std::string cities[] = {"Aachen",
                                "K\xC3\xB6ln",
                                "Bonn \"am\" Rhein",
                                "",
                                "?"
                                "?/",
                                "US$"};
  Rows made{"age,city,fare,ticket,survived,deck,price\n", ""};
  for (std::size_t r = 0; r < rows; ++r) {
    const double age = 40 + 15 * normal(random), fare = std::exp(3 + normal(random));
    const std::size_t city = random() % 6, ticket = random() % 30;
    const bool survived = (age < 38) == (city % 2 == 0);
    const std::string age_cell = random() % 5 == 0 ? "" : std::to_string(age);
    const std::string fare_cell = std::to_string(fare), ticket_cell = "T" + std::to_string(ticket);
    const std::string quoted = city == 2 ? "\"Bonn \"\"am\"\" Rhein\"" : cities[city];
    made.csv += age_cell + "," + quoted + "," + fare_cell + "," + ticket_cell +
                (survived ? ",yes," : ",no,") + "ABC"[(city + ticket % 2) % 3] + "," +
                std::to_string(3 * age - fare + 5 * normal(random)) + "\n";
    made.cells += age_cell + "\t" + cities[city] + "\t" + fare_cell + "\t" + ticket_cell + "\n";
  }
  return made;
}

std::string idx(const std::vector<std::uint32_t>& dimensions, const std::string& bytes) {
  std::string text = {'\0', '\0', '\x08', static_cast<char>(dimensions.size())};
  for (const std::uint32_t size : dimensions) {
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(size >> shift & 0xFF);
  }
  return text + bytes;
}

const TemporaryFolder& models() {
  static const TemporaryFolder folder;
  static const bool trained = [] {
    folder.write("program.c", kProgram);
    std::string pixels, labels, cells;
    std::mt19937 random(3);
    for (std::size_t i = 0; i < kImages; ++i) {
      const std::size_t kind = i % 3;
      labels += static_cast<char>(kind);
      for (std::size_t p = 0; p < kSide * kSide; ++p) {
        const std::size_t place = kind == 0 ? p / kSide : kind == 1 ? p % kSide : p / kSide + p % kSide;
        const std::size_t value = ((place + i) / 2 % 2 == 0 ? 120u : 40u) + random() % 90;
        pixels += static_cast<char>(value);
        cells += std::to_string(value) + (p + 1 < kSide * kSide ? "\t" : "\n");
      }
    }
    folder.write("images", idx({kImages, kSide, kSide}, pixels));
    folder.write("labels", idx({kImages}, labels));
    folder.write("images.cells", cells);
    const Rows rows = passengers(200);
    folder.write("rows.csv", rows.csv);
    folder.write("rows.cells", rows.cells);
    bool all = true;
    const auto train = [&](std::vector<std::string> arguments) {
      arguments.push_back("--quiet");
      const Result run = ztilde(folder, arguments);
      EXPECT_EQ(run.exit_code, 0) << run.err;
      all = all && run.exit_code == 0;
    };
    for (const std::string target : {"survived", "deck", "price"}) {
      std::string ignored;
      for (const std::string other : {"survived", "deck", "price"}) {
        if (other != target) ignored += (ignored.empty() ? "" : ",") + other;
      }
      train(
          quick_train("rows.csv", {"--target", target, "--ignore", ignored, "--missing", "indicator", "--out",
                                   target, "--standardise", target == "deck" ? "quantile" : "on"}));
    }
    for (const std::string net : {"cnn-small", "resnet8"}) {
      train({"train", "--data", "images", "--labels", "labels", "--net", net, "--epochs", "2", "--batch",
             "16", "--out", net});
    }
    return all;
  }();
  EXPECT_TRUE(trained);
  return folder;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  for (std::size_t start = 0; start <= line.size();) {
    const std::size_t end = std::min(line.find(',', start), line.size());
    fields.push_back(line.substr(start, end - start));
    start = end + 1;
  }
  return fields;
}

// Exports a model as m.c into a folder of its own and makes the program of it.
std::string program_of(const std::string& model, const std::string& cflags = "-O1") {
  const std::string made = model + ".made";
  std::filesystem::create_directories(models() / made);
  const Result run = ztilde(models(), {"export", model, "--c", made + "/m.c", "--force"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  const bool categories = models().read(made + "/m.h").find("m_category") != std::string::npos;
  const Said said = compile_c(models(), cflags + (categories ? " -DCATEGORIES" : "") + " -I" + made + " " +
                                            made + "/m.c program.c -o " + made + "/m -lm");
  EXPECT_EQ(said.exit_code, 0) << said.text;
  return made + "/m";
}

// Both answer every row: texts alike, numbers within 1e-5 of 1 or of the number.
void expect_same_answers(const std::string& model, const std::string& program, const std::string& data,
                         const std::string& cells, bool classes) {
  std::vector<std::string> arguments = {"predict", model, "--data", data, "--quiet"};
  if (classes) arguments.push_back("--probabilities");
  const Result predicted = ztilde(models(), arguments);
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  const Said said = run_in(models(), "./" + program + " < " + cells);
  ASSERT_EQ(said.exit_code, 0) << said.text;
  std::vector<std::string> expected = lines_of(predicted.out), found = lines_of(said.text);
  expected.erase(expected.begin());
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t r = 0; r < found.size(); ++r) {
    const std::vector<std::string> a = fields_of(expected[r]), b = fields_of(found[r]);
    ASSERT_EQ(a.size(), b.size());
    if (classes) {
      EXPECT_EQ(a[0], b[0]) << "row " << r;
    }
    for (std::size_t i = classes ? 1 : 0; i < a.size(); ++i) {
      const double number = std::stod(a[i]);
      EXPECT_NEAR(std::stod(b[i]), number, 1e-5 * (1 + std::abs(number))) << "row " << r;
    }
  }
}

TEST(ExportC, of_tables_answers_as_predict_from_the_texts_of_cells) {
  for (const std::string target : {"survived", "deck", "price"}) {
    const std::string program = program_of(target);
    expect_same_answers(target, program, "rows.csv", "rows.cells", target != "price");
  }
  // Texts that training had not, and other words for a missing value.
  models().write("new.csv",
                 "age,city,fare,ticket\n31,Paris,7,T1\n44,NA,8,T999\n,\xC3\x84,9,null\n50,?,10,T3\n");
  models().write("new.cells", "31\tParis\t7\tT1\n44\tNA\t8\tT999\n\t\xC3\x84\t9\tnull\n50\t?\t10\tT3\n");
  for (const std::string target : {"survived", "price"})
    expect_same_answers(target, target + ".made/m", "new.csv", "new.cells", target != "price");
}

TEST(ExportC, of_image_networks_answers_as_predict) {
  for (const std::string net : {"cnn-small", "resnet8"})
    expect_same_answers(net, program_of(net), "images", "images.cells", true);
}

TEST(ExportC, is_called_as_the_documentation_shows) {
  std::ifstream file(ZTILDE_SOURCE_DIR "/docs/export-c.md");
  const std::string document{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = document.find("```c\n") + 5;
  models().write("main.c", document.substr(begin, document.find("```", begin) - begin));
  const std::vector<std::string> training =
      quick_train("rows.csv", {"--target", "survived", "--ignore", "deck,price,ticket", "--missing", "mean",
                               "--out", "passengers", "--quiet"});
  ASSERT_EQ(ztilde(models(), training).exit_code, 0);
  ASSERT_EQ(ztilde(models(), {"export", "passengers", "--c", "passengers.c"}).exit_code, 0);
  const Said said = compile_c(models(), "main.c passengers.c -lm -o main && ./main");
  ASSERT_EQ(said.exit_code, 0) << said.text;
  models().write("one.csv", "age,city,fare\n,Aachen,7.25\n");
  const Result run = ztilde(models(), {"predict", "passengers", "--data", "one.csv", "--probabilities"});
  const std::vector<std::string> answer = fields_of(lines_of(run.out).at(1));
  const std::size_t space = said.text.find(' ');
  EXPECT_EQ(said.text.substr(0, space), answer[0]);
  const double likeliest = std::max(std::stod(answer[1]), std::stod(answer[2]));
  EXPECT_NEAR(std::stod(said.text.substr(space)), likeliest, 1e-4);  // 4 digits are printed
}

TEST(ExportC, has_a_test_of_its_own_which_an_altered_weight_fails) {
  for (const std::string model : {"deck", "resnet8"}) {
    const std::string name = model + "-test";
    ASSERT_EQ(ztilde(models(), {"export", model, "--c", name + ".c", "--name", "net"}).exit_code, 0);
    const std::string arguments = "-DNET_SELF_TEST " + name + ".c -o " + name + " -lm && ./" + name;
    const Said sound = compile_c(models(), arguments);
    EXPECT_EQ(sound.exit_code, 0) << sound.text;
    EXPECT_THAT(sound.text, HasSubstr("passed"));

    std::string source = models().read(name + ".c");
    const std::size_t last = source.rfind("_bias_"), array = source.find("static const float net_bias_");
    ASSERT_LT(array, last);
    source.insert(source.find("{\n", array) + 4, "0.01f + ");
    models().write(name + ".c", source);
    const Said altered = compile_c(models(), arguments);
    EXPECT_EQ(altered.exit_code, 1) << altered.text;
    EXPECT_THAT(altered.text, HasSubstr("FAILED"));
  }
}

TEST(ExportC, says_what_it_wrote_in_words_and_as_json_and_writes_the_same_bytes_again) {
  const Result words = ztilde(models(), {"export", "deck", "--c", "a b.c"});
  ASSERT_EQ(words.exit_code, 0) << words.err;
  EXPECT_THAT(words.out, StartsWith("written    a b.c, "));
  EXPECT_THAT(words.out,
              HasSubstr("cc -std=c99 -O3 -DA_B_SELF_TEST 'a b.c' -lm -o self-test && ./self-test\n"));
  const Result run =
      ztilde(models(), {"export", "deck", "--c", "j.c", "--name", "a_b", "--json", "--threads", "2"});
  const auto object = parsed(run.out);
  EXPECT_EQ(object["source"], "j.c");
  EXPECT_EQ(object["header"], "j.h");
  EXPECT_EQ(object["name"], "a_b");
  EXPECT_EQ(object["inputs"], 4);
  EXPECT_EQ(object["outputs"], 3);
  EXPECT_EQ(object["bytes"], models().read("j.c").size() + models().read("j.h").size());
  EXPECT_THAT(models().read("j.h"),
              HasSubstr("#define A_B_SCRATCH " + std::to_string(object["scratch_bytes"].get<int>() / 4)));
  std::string one = models().read("a b.c"), two = models().read("j.c");
  for (std::string* text : {&one, &two})
    text->erase(text->find("How to call"), text->find("#include <math.h>") - text->find("How to call"));
  EXPECT_EQ(one, two);
}

TEST(ExportC, has_a_header_for_C_and_for_Cplusplus) {
  ASSERT_EQ(ztilde(models(), {"export", "deck", "--c", "both.c"}).exit_code, 0);
  models().write("user.cpp",
                 "#include \"both.h\"\nint main() { return both_category(0, \"\") == -1 && "
                 "both_class_names[0][0] == 'A' "
                 "&& both_column_names[1][0] == 'c' ? 0 : 1; }\n");
  const Said c = compile_c(models(), "-c both.c -o both.o");
  EXPECT_EQ(c.exit_code, 0) << c.text;
  const Said said =
      run_in(models(), ZTILDE_CXX " -Wall -Wextra -pedantic -Werror user.cpp both.o -o user -lm && ./user");
  EXPECT_EQ(said.exit_code, 0) << said.text;
}

TEST(ExportC, writes_both_files_or_none) {
  models().write("old.h", "mine");
  const Result taken = ztilde(models(), {"export", "deck", "--c", "old.c"});
  EXPECT_EQ(taken.exit_code, 2);
  EXPECT_EQ(taken.err, "error: old.h: exists already; choose another name, or overwrite it with --force\n");
  EXPECT_EQ(models().read("old.h"), "mine");
  EXPECT_FALSE(std::filesystem::exists(models() / "old.c"));

  // A disk that is full from some call on: until the last temporary is safe, both old files stay.
  models().write("old.c", "mine too");
  const std::size_t files = models().files();
  bool finished = false;
  for (int at = 1; !finished && at < 40; ++at) {
    std::filesystem::remove(models() / "fault");
    Setting full;
    full.fault = std::to_string(at) + ":fail";
    const Result run = ztilde(models(), {"export", "deck", "--c", "old.c", "--force"}, full);
    const bool source_old = models().read("old.c") == "mine too",
               header_old = models().read("old.h") == "mine";
    if (!std::filesystem::exists(models() / "fault")) {
      finished = true;
      break;
    }
    std::filesystem::remove(models() / "fault");
    EXPECT_EQ(run.exit_code, 1) << at;
    EXPECT_EQ(lines_of(run.err).size(), 1u) << run.err;
    EXPECT_EQ(models().files(), files) << at;
    // Once the source is in its place only the folder or the header's rename is left to fail.
    EXPECT_TRUE(header_old || !source_old) << at;
    models().write("old.c", "mine too");
    models().write("old.h", "mine");
  }
  EXPECT_TRUE(finished);
  EXPECT_THAT(models().read("old.h"), HasSubstr("old_predict"));
}

TEST(ExportC, refuses_what_makes_no_sense_in_one_line) {
  std::filesystem::copy(models() / "deck", models() / "model.h");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"deck", "--c", "m.txt"},
       "--c: 'm.txt' does not end in .c, as C sources do; its header ends in .h and is written beside it"},
      {{"deck", "--c", ".c"},
       "--c: '.c' does not end in .c, as C sources do; its header ends in .h and is written beside it"},
      {{"model.h", "--c", "model.c", "--force"},
       "--c: model.h is also the file of MODEL; choose another name"},
      {{"deck", "--c", "m.c", "--name", "2x"},
       "--name: '2x' is no name for C; begin with a letter and go on with letters, digits and _"},
      {{"deck", "--c", "m.c", "--name", "float"},
       "--name: 'float' is a word of C or C++; choose another name"},
      {{"deck", "--onnx", "m.onnx", "--name", "x"}, "--name: is for --c; add that, or leave it out"},
      {{"deck", "--c", "m.c", "--onnx", "m.onnx"},
       "--c: does not go with --onnx; export one after the other"},
  };
  for (const auto& [more, line] : cases) {
    std::vector<std::string> arguments = {"export"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result run = ztilde(models(), arguments);
    EXPECT_EQ(run.exit_code, 2) << line;
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err, "error: " + line + "\n");
  }
  const Result folder = ztilde(models(), {"export", "deck", "--c", "nowhere/m.c"});
  EXPECT_EQ(folder.exit_code, 1);
  EXPECT_THAT(folder.err, StartsWith("error: nowhere/m.c: its folder nowhere cannot be used"));
  for (const char* name : {"m.c", "m.h", "m.txt", "model.c"})
    EXPECT_FALSE(std::filesystem::exists(models() / name));
}

}  // namespace
}  // namespace ztilde::cli_test
