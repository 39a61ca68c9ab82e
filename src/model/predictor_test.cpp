#include <gtest/gtest.h>

#include <optional>

#include "model/model_file_test_support.hpp"
#include "plan/plan_test_networks.hpp"
#include "ztilde/model.hpp"

namespace ztilde {
namespace {

// Wide enough that several threads share the only row.
Model wide_model() {
  Model model;
  model.network = dense_network({.inputs = 700, .outputs = 10, .hidden = {600, 700}});
  model.parameters = testing_networks::random_parameters(model.network);
  model.statistics = testing_networks::random_statistics(model.network);
  model.statistic_batches.assign(statistic_slots(model.network).size(), 1);
  return model;
}

TEST(Predictor, gives_a_row_the_same_bits_in_every_call_alone_and_in_company) {
  constexpr std::size_t kRows = 40;
  std::optional<Model> model = wide_model();
  const std::vector<float> inputs = testing_networks::random_rows(kRows, 700);
  const std::vector<float> all = outputs(*model, inputs, 1);
  ASSERT_EQ(all.size(), kRows * 10);
  for (const std::size_t threads : {1, 2, 3}) {
    Predictor one(*model, 1, threads), many(*model, kRows, threads);
    if (threads == 3) model.reset();  // a predictor needs nothing of it
    std::vector<float> result(kRows * 10);
    for (int again = 0; again < 2; ++again) {
      many.run(inputs, result);
      EXPECT_EQ(result, all);
      for (std::size_t row = 0; row < kRows; ++row) {
        Predictor& predictor = row % 2 == 0 ? one : many;
        std::vector<float> of_row(10);
        predictor.run(std::span(inputs).subspan(row * 700, 700), of_row);
        ASSERT_EQ(of_row, std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(row * 10),
                                             all.begin() + static_cast<std::ptrdiff_t>(row * 10 + 10)));
      }
    }
  }
}

TEST(Predictor, refuses_sizes_that_are_not_whole_rows_or_too_many) {
  Predictor predictor(model_file::small_model(), 2);
  std::vector<float> inputs(9), result(9);
  const auto message = [&](std::size_t in, std::size_t out) -> std::string {
    try {
      predictor.run(std::span(inputs).first(in), std::span(result).first(out));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(6, 6), "");
  EXPECT_EQ(message(0, 0), "");
  EXPECT_EQ(message(5, 6), "5 input and 6 output numbers; give at most 2 rows of 3 inputs and 3 outputs");
  EXPECT_EQ(message(3, 6), "3 input and 6 output numbers; give at most 2 rows of 3 inputs and 3 outputs");
  EXPECT_EQ(message(9, 9), "9 input and 9 output numbers; give at most 2 rows of 3 inputs and 3 outputs");
}

}  // namespace
}  // namespace ztilde
