// ztilde compare: what it says of two models, its JSON and its exit code.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

const TemporaryFolder& models() {
  static const TemporaryFolder folder;
  static const bool made = [] {
    folder.write("flowers.csv", flowers());
    folder.write("houses.csv", houses());
    // The columns the other way round.
    std::string turned;
    for (const std::string& line : lines_of(flowers())) {
      const std::size_t first = line.find(','), second = line.find(',', first + 1);
      turned += line.substr(first + 1, second - first) + line.substr(0, first) + line.substr(second) + "\n";
    }
    folder.write("turned.csv", turned);
    const auto train = [&](const char* data, std::vector<std::string> more) {
      more.insert(more.begin(), "--quiet");
      return ztilde(folder, quick_train(data, std::move(more))).exit_code == 0;
    };
    return train("flowers.csv", {"--out", "a"}) && train("flowers.csv", {"--out", "other", "--seed", "1"}) &&
           train("turned.csv", {"--out", "turned"}) && train("houses.csv", {"--out", "houses"}) &&
           ztilde(folder, {"fold", "a", "--out", "folded"}).exit_code == 0;
  }();
  EXPECT_TRUE(made);
  return folder;
}

Result run_compare(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "compare");
  return ztilde(models(), std::move(arguments));
}

TEST(Compare, says_that_a_model_is_the_same_as_itself) {
  const Result run = run_compare({"a", "a", "--check"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out,
            "A           a\n"
            "B           a\n"
            "models      the same, bit for bit\n"
            "outputs     equal, bit for bit, on 4 test rows\n"
            "argmax      0 of 4 rows changed\n");
  EXPECT_EQ(parsed(run_compare({"a", "a", "--json"}).out)["identical"], true);
}

TEST(Compare, ranks_what_differs_between_two_seeds_and_pairs_their_scores) {
  const Result run = run_compare({"a", "other", "--data", "flowers.csv"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* part : {"\nparameters  5 differ, worst first; 0 are equal, bit for bit\n", "2.bias (beta)",
                           "\noutputs     on 240 given rows: differ by ", "\nloss        ", "\naccuracy    ",
                           "\nfirst layer layer 0 (standardise) differs first",
                           "\nrecord      training: seed: 0 in A, 1 in B\n"}) {
    EXPECT_NE(run.out.find(part), std::string::npos) << part << "\n" << run.out;
  }
  for (const std::string& line : lines_of(run.out)) EXPECT_LE(line.size(), 82u) << line;  // "±" is two bytes
  const auto object = parsed(run_compare({"a", "other", "--data", "flowers.csv", "--json"}).out);
  const auto& tensors = object["tensors"];
  for (std::size_t i = 1; i < tensors.size(); ++i)
    EXPECT_GE(tensors[i - 1]["relative"], tensors[i]["relative"]);
  const auto loss = [](const char* model) -> double {
    return parsed(ztilde(models(), {"evaluate", model, "--data", "flowers.csv", "--json"}).out)["loss"];
  };
  EXPECT_NEAR(object["outputs"]["loss"]["a"].get<double>(), loss("a"), 1e-6);
  EXPECT_NEAR(object["outputs"]["loss"]["b"].get<double>(), loss("other"), 1e-6);
}

TEST(Compare, knows_a_folded_model_and_one_with_its_columns_turned) {
  const auto folded = parsed(run_compare({"a", "folded", "--data", "flowers.csv", "--json"}).out);
  EXPECT_EQ(folded["alignment"], "b_is_folded");
  EXPECT_EQ(folded["tensors"].size(), 0u);
  EXPECT_LT(folded["outputs"]["relative"], 1e-5);
  const auto turned = parsed(run_compare({"a", "turned", "--data", "flowers.csv", "--json"}).out);
  EXPECT_EQ(turned["outputs"]["notes"][0], "B has the columns in another order: they were matched by name");
  EXPECT_GT(turned["outputs"]["accuracy"]["b"], 0.9);
}

TEST(Compare, ends_with_4_where_it_checks_and_something_differs) {
  const auto code = [](std::vector<std::string> arguments) {
    return run_compare(std::move(arguments)).exit_code;
  };
  EXPECT_EQ(code({"a", "other"}), 0);
  EXPECT_EQ(code({"a", "other", "--check"}), 4);
  EXPECT_EQ(code({"a", "folded", "--check"}), 4);
  EXPECT_EQ(code({"a", "folded", "--check", "--tolerance", "1e-5"}), 0);
  EXPECT_EQ(code({"a", "other", "--check", "--tolerance", "1e-5"}), 4);
  EXPECT_EQ(code({"a", "houses", "--check", "--tolerance", "1e9"}),
            4);  // nothing says that they are the same
  const Result quiet = run_compare({"a", "other", "--check", "--quiet"});
  EXPECT_EQ(quiet.exit_code, 4);
  EXPECT_EQ(quiet.out + quiet.err, "");
}

TEST(Compare, compares_all_but_outputs_of_models_for_other_data) {
  const Result run = run_compare({"a", "houses", "--data", "flowers.csv"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* part : {"\nconventions task: classify in A, regress in B\n",
                           "\noutputs     not compared: A knows no column 'a', which B takes\n"})
    EXPECT_NE(run.out.find(part), std::string::npos) << part << "\n" << run.out;
}

TEST(Compare, refuses_what_makes_no_sense_in_one_line) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"a"}, "MODEL_B: missing; usage: ztilde compare MODEL_A MODEL_B [options]"},
      {{"a", "other", "--tolerance", "1"}, "--tolerance: given without --check; add that, or leave it out"},
      {{"a", "other", "--labels", "a"}, "--labels: given without --data; add that, or leave it out"},
      {{"a", "other", "--check", "--tolerance", "-1"},
       "--tolerance: -1 is out of range; give a number from 0"},
  };
  for (const auto& [arguments, line] : cases) {
    const Result run = run_compare(arguments);
    EXPECT_EQ(run.exit_code, 2) << line;
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err, "error: " + line + "\n");
  }
}

}  // namespace
}  // namespace ztilde::cli_test
