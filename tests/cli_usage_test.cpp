// Whatever is wrong with a command: one line on stderr, nothing on stdout, nothing in the folder.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

struct BadUse {
  std::vector<std::string> arguments;
  int exit_code;
  std::string line;  // without "error: "
};

const std::vector<BadUse>& bad_uses() {
  static const std::vector<BadUse> uses = {
      {{"trian"}, 2, "trian: unknown verb; did you mean train?"},
      {{""},
       2,
       "'': unknown verb; known are train, search, evaluate, predict, doctor, monitor, recalibrate, fold, "
       "insert, compare, export, import, report, pack, inspect-data, inspect, lab"},
      {{"--versoin"}, 2, "--versoin: unknown option; did you mean --version?"},
      {{"train"}, 2, "--data: missing; name a table, an IDX image file or a folder of images"},
      {{"train", "--data"}, 2, "--data: needs a value, PATH"},
      {{"train", "--data", "--labels", "x"}, 2, "--data: needs a value, PATH, and --labels follows"},
      {{"train", "--hiden", "64"}, 2, "--hiden: unknown option; did you mean --hidden?"},
      {{"train", "--hiden=64"}, 2, "--hiden: unknown option; did you mean --hidden?"},
      {{"train", "-q"}, 2, "-q: unknown option; see ztilde train --help"},
      {{"train", "--data", "t.csv", "more"}, 2, "'more': one argument too many; see ztilde train --help"},
      {{"train", "--data", "t.csv", "--force=yes"},
       2,
       "--force: takes no value; give it alone, or leave it out"},
      {{"train", "--data", "t.csv", "--epochs", "ten"},
       2,
       "--epochs: 'ten' is not a whole number; give one from 1"},
      {{"train", "--data", "t.csv", "--epochs", "1.5"},
       2,
       "--epochs: '1.5' is not a whole number; give one from 1"},
      {{"train", "--data", "t.csv", "--epochs", "0"},
       2,
       "--epochs: 0 is out of range; give a whole number from 1"},
      {{"train", "--data", "t.csv", "--epochs", "-3"},
       2,
       "--epochs: -3 is out of range; give a whole number from 1"},
      {{"train", "--data", "t.csv", "--epochs="}, 2, "--epochs: '' is not a whole number; give one from 1"},
      {{"train", "--data", "t.csv", "--lr", "0"}, 2, "--lr: 0 is out of range; give a number above 0"},
      {{"train", "--data", "t.csv", "--lr", "nan"}, 2, "--lr: nan is out of range; give a number above 0"},
      {{"train", "--data", "t.csv", "--lr", "1e999"},
       2,
       "--lr: 1e999 is out of range; give a number above 0"},
      {{"train", "--data", "t.csv", "--lr", "0.1x"}, 2, "--lr: '0.1x' is not a number; give one above 0"},
      {{"train", "--data", "t.csv", "--dropout", "1"},
       2,
       "--dropout: 1 is out of range; give a number from 0 to below 1"},
      {{"train", "--data", "t.csv", "--keep", "1.1"},
       2,
       "--keep: 1.1 is out of range; give a number from 0 to 1"},
      {{"train", "--data", "t.csv", "--seed", "18446744073709551616"},
       2,
       "--seed: 18446744073709551616 is out of range; give a whole number from 0 to 2^64 - 1"},
      {{"train", "--data", "t.csv", "--threads", "0"},
       2,
       "--threads: 0 is out of range; give a whole number from 1 to 4,096"},
      {{"train", "--data", "t.csv", "--hidden", "0"},
       2,
       "--hidden: 0 is out of range; give a whole number from 1"},
      {{"train", "--data", "t.csv", "--hidden", "64,wide"},
       2,
       "--hidden: 'wide' is not a whole number; give one from 1"},
      {{"train", "--data", "t.csv", "--hidden", "64,"},
       2,
       "--hidden: '' is not a whole number; give one from 1"},
      {{"train", "--data", "t.csv", "--activation", "rleu"},
       2,
       "--activation: unknown value 'rleu'; did you mean relu?"},
      {{"train", "--data", "t.csv", "--init", "normal:-1"},
       2,
       "--init: -1 is out of range; give a number above 0"},
      {{"train", "--data", "t.csv", "--lr", "0.1", "--lr", "0.2"},
       2,
       "--lr: given twice, as '0.1' and '0.2'; give it once"},
      {{"train", "--data", "t.csv", "--valid", "v.csv", "--valid-fraction", "0.2"},
       2,
       "--valid-fraction: does not go with --valid; give one of the two"},
      {{"train", "--data", "t.csv", "--valid-labels", "v"},
       2,
       "--valid-labels: given without --valid; name the images too"},
      {{"train", "--data", "t.csv", "--patience", "3", "--valid-fraction", "0"},
       2,
       "--patience: needs validation rows; give --valid, or a --valid-fraction above 0"},
      {{"train", "--data", "t.csv", "--net", "n.json", "--hidden", "8"},
       2,
       "--hidden: does not go with --net; the file describes the whole network"},
      {{"train", "--data", "t.csv", "--out", "t.csv", "--force"},
       2,
       "--out: t.csv is also the file of --data; choose another name"},
      {{"train", "--data", "t.csv", "--out", "./t.csv", "--force"},
       2,
       "--out: ./t.csv is also the file of --data; choose another name"},
      {{"train", "--data", "t.csv", "--log", "m", "--out", "m"},
       2,
       "--out: m is also the file of --log; choose another name"},
      {{"train", "--data", "t.csv", "--report", "m", "--out", "m"},
       2,
       "--out: m is also the file of --report; choose another name"},
      {{"train", "--data", "t.csv", "--log", "m", "--report", "./m"},
       2,
       "--report: ./m is also the file of --log; choose another name"},
      {{"train", "--data", "t.csv", "--report", "t.csv", "--force"},
       2,
       "--report: t.csv is also the file of --data; choose another name"},
      {{"train", "--data", "t.csv", "--report", "-"},
       2,
       "--report: it cannot go to standard output; name a file"},
      {{"train", "--data", "t.csv", "--report", "old"},
       2,
       "old: exists already; choose another name, or overwrite it with --force"},
      {{"train", "--data", "t.csv", "--folds", "3", "--report", "m"},
       2,
       "--report: does not go with --folds; they show one training; leave them out"},
      {{"train", "--data", "t.csv", "--folds", "3", "--watch"},
       2,
       "--watch: does not go with --folds; they show one training; leave them out"},
      {{"train", "--data", "t.csv", "--watch", "70000"},
       2,
       "--watch: 70000 is out of range; give a whole number from 0 to 65,535"},
      {{"train", "--data", "t.csv", "--watch", "here"},
       2,
       "--watch: 'here' is not a whole number; give one from 0 to 65,535"},
      {{"report"}, 2, "LOG.jsonl: missing; usage: ztilde report LOG.jsonl [options]"},
      {{"report", "none.jsonl"}, 1, "none.jsonl: no such file; check the name"},
      {{"report", "t.csv"}, 2, "t.csv:1: is no JSON object; give a log as ztilde train --log writes it"},
      {{"report", "t.csv", "--out", "old"},
       2,
       "old: exists already; choose another name, or overwrite it with --force"},
      {{"report", "t.csv", "--out", "t.csv", "--force"},
       2,
       "--out: t.csv is also the file of LOG.jsonl; choose another name"},
      {{"report", "t.csv", "--out", "-"}, 2, "--out: the page cannot go to standard output; name a file"},
      {{"train", "--data", "t.csv", "--out", "-"},
       2,
       "--out: a model cannot go to standard output; name a file"},
      {{"train", "--data", "t.csv", "--out", "old"},
       2,
       "old: exists already; choose another name, or overwrite it with --force"},
      {{"train", "--data", "t.csv", "--log", "old"},
       2,
       "old: exists already; choose another name, or overwrite it with --force"},
      {{"train", "--data", "t.csv", "--out", "no/m"},
       1,
       "no/m: its folder no cannot be used (No such file or directory); make the folder first"},
      {{"train", "--data", "none.csv"}, 1, "none.csv: no such file; check the name"},
      {{"train", "--data", "t.csv", "--net", "none.json"}, 1, "none.json: no such file; check the name"},
      {{"train", "--data", "t.csv", "--config", "none.toml"}, 1, "none.toml: no such file; check the name"},
      {{"evaluate"}, 2, "MODEL: missing; usage: ztilde evaluate MODEL --data PATH [options]"},
      {{"evaluate", "m"}, 2, "--data: missing; name a table, an IDX image file or a folder of images"},
      {{"evaluate", "none", "--data", "t.csv"}, 1, "none: no such file; check the name"},
      {{"predict", "m", "--data", "t.csv", "--out", "old"},
       2,
       "old: exists already; choose another name, or overwrite it with --force"},
      {{"predict", "m", "--data", "t.csv", "--out", "t.csv", "--force"},
       2,
       "--out: t.csv is also the file of --data; choose another name"},
      {{"predict", "m", "--data", "t.csv", "--with-columns", "a,,b"},
       2,
       "--with-columns: an empty column name; separate names with single commas"},
      {{"predict", "m", "--data", "t.csv", "--with-columns", "a,b,a"},
       2,
       "--with-columns: 'a' is named twice; name it once"},
      {{"inspect", "--", "--none"}, 1, "--none: no such file; check the name"},
      {{"inspect", "m", "--json", "--plan"}, 2, "--plan: does not go with --json; --json has it all"},
      {{"inspect", "m", "m2"}, 2, "'m2': one argument too many; see ztilde inspect --help"},
  };
  return uses;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += " " + word;
  return text;
}

TEST(BadUsage, ends_with_its_exit_code_and_one_line_and_touches_nothing) {
  const TemporaryFolder folder;
  folder.write("t.csv", flowers(60));
  folder.write("old", "kept");
  const std::size_t files = folder.files();
  for (const BadUse& use : bad_uses()) {
    SCOPED_TRACE("ztilde" + joined(use.arguments));
    const Result run = ztilde(folder, use.arguments);
    EXPECT_EQ(run.exit_code, use.exit_code);
    EXPECT_EQ(run.err, "error: " + use.line + "\n");
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(folder.files(), files);
    EXPECT_EQ(folder.read("old"), "kept");
  }
}

TEST(BadData, is_named_with_its_place_and_touches_nothing) {
  const TemporaryFolder folder;
  folder.write("broken.csv", "a,b,y\n1,2,x\n3,oops,z\n5,6,x\n7,8,z\n");
  const Result run = ztilde(folder, {"train", "--data", "broken.csv"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_TRUE(run.err.starts_with("error: broken.csv:3:2: 'oops'")) << run.err;
  EXPECT_EQ(lines_of(run.err).size(), 1u);
  EXPECT_EQ(folder.files(), 1u);
}

TEST(ConfigFile, refuses_what_it_does_not_know_and_names_the_line) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"\nepoch = 3\n", "c.toml:2: epoch: unknown key; did you mean epochs?"},
      {"config = \"d.toml\"\n", "c.toml:1: config: unknown key; see ztilde train --help"},
      {"epochs = ten\n", "c.toml:1: epochs: 'ten' is not a whole number; give one from 1"},
      {"lr = 0.1\n# again\nlr = 0.2\n", "c.toml:3: lr is given in line 1 already; give it once"},
      {"[train]\n", "c.toml:1: sections are not used here; take the line out"},
      {"epochs 3\n", "c.toml:1: no '=' after 'epochs'; write epochs = value"},
      {"epochs =\n", "c.toml:1: a value is missing; write key = value"},
      {"target = my column\n",
       "c.toml:1: 'column' follows the value; put a value that has spaces, quotes or commas into quotes"},
      {"target = \"x\n", "c.toml:1: a quoted text is not closed; add \""},
      {"hidden = [8, 4\n",
       "c.toml:2: a list is not closed; separate its values with commas and end it with ']'"},
      {"epochs = [3]\n", "c.toml:1: epochs: takes one value, not a list; take the brackets out"},
  };
  const TemporaryFolder folder;
  folder.write("t.csv", flowers(60));
  for (const auto& [content, line] : files) {
    SCOPED_TRACE(content);
    folder.write("c.toml", content);
    const Result run = ztilde(folder, {"train", "--data", "t.csv", "--config", "c.toml"});
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_EQ(run.err, "error: " + line + "\n");
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(folder.files(), 2u);
  }
}

TEST(Help, lists_the_verbs_one_line_each) {
  const TemporaryFolder folder;
  const Result run = ztilde(folder, {});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.err, "");
  for (const char* verb : {"train", "evaluate", "predict", "doctor", "monitor", "recalibrate", "inspect-data",
                           "inspect", "fold", "insert", "compare", "export", "import"}) {
    const auto lines = lines_of(run.out);
    EXPECT_EQ(
        std::ranges::count_if(
            lines, [&](const std::string& line) { return line.starts_with(std::string("  ") + verb + " "); }),
        1)
        << verb;
  }
}

TEST(Help, fits_into_80_columns_and_has_examples) {
  const TemporaryFolder folder;
  for (const char* verb : {"train", "evaluate", "predict", "doctor", "monitor", "recalibrate", "inspect-data",
                           "inspect", "fold", "insert", "compare", "export", "import"}) {
    const Result run = ztilde(folder, {verb, "--help"});
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_EQ(run.err, "");
    EXPECT_NE(run.out.find("\nExamples\n"), run.out.npos);
    for (const std::string& line : lines_of(run.out)) {
      const auto columns =
          std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
      EXPECT_LE(columns, 80) << line;
    }
  }
}

TEST(Version, is_one_line_on_stdout) {
  const TemporaryFolder folder;
  const Result run = ztilde(folder, {"--version"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.out.starts_with("ztilde "));
  EXPECT_EQ(lines_of(run.out).size(), 1u);
}

}  // namespace
}  // namespace ztilde::cli_test
