#include "plan/stages.hpp"

#include <gtest/gtest.h>

namespace ztilde {
namespace {

TEST(Stages, batch_norm_before_the_activation_cuts_after_each_dense_layer) {
  const std::vector<Stage> stages =
      lower(dense_network({.inputs = 4, .outputs = 3, .hidden = {8, 6}, .dropout = 0.5}));
  ASSERT_EQ(stages.size(), 3u);
  EXPECT_EQ(stages[0].x.norm, StageNorm::standardise);
  EXPECT_TRUE(stages[0].sums);
  EXPECT_FALSE(stages[0].bias);
  EXPECT_EQ(stages[1].x.norm, StageNorm::batch);
  EXPECT_EQ(stages[1].activation, ActivationKind::relu);
  EXPECT_EQ(stages[1].dropout.probability, 0.5);
  EXPECT_EQ(stages[1].inputs, 8u);
  EXPECT_EQ(stages[1].outputs, 6u);
  EXPECT_FALSE(stages[2].sums);
  EXPECT_TRUE(stages[2].bias);
}

TEST(Stages, batch_norm_after_the_activation_sums_the_activation_in_the_epilogue) {
  const std::vector<Stage> stages =
      lower(dense_network({.inputs = 4, .outputs = 3, .hidden = {8}, .norm_place = NormPlace::after}));
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0].inner_activation, ActivationKind::relu);
  EXPECT_TRUE(stages[0].sums);
  EXPECT_EQ(stages[1].x.norm, StageNorm::batch);
  EXPECT_EQ(stages[1].activation, ActivationKind::identity);
}

TEST(Stages, what_follows_no_contraction_gets_an_identity_stage) {
  const std::vector<Stage> stages = lower({4,
                                           {Standardise{}, BatchNorm{}, Activation{}, BatchNorm{},
                                            Dense{3, true}, Activation{ActivationKind::tanh}}});
  ASSERT_EQ(stages.size(), 4u);
  EXPECT_FALSE(stages[0].dense_layer);  // standardised input, for the first batch norm's statistics
  EXPECT_FALSE(stages[1].dense_layer);  // batch norm, relu, for the second's
  EXPECT_EQ(stages[2].dense_layer, 4u);
  EXPECT_FALSE(stages[3].dense_layer);  // tanh of the outputs
  EXPECT_EQ(stages[3].activation, ActivationKind::tanh);
}

TEST(Stages, layers_that_do_nothing_leave_no_trace) {
  const std::vector<Stage> stages =
      lower({4, {Dropout{0}, Activation{ActivationKind::identity}, Dense{3, true}}});
  ASSERT_EQ(stages.size(), 1u);
  EXPECT_EQ(stages[0].dropout.probability, 0);
}

TEST(Stages, describe_prints_one_stage_a_line) {
  const std::string text = describe(lower(dense_network({.inputs = 4, .outputs = 3, .hidden = {8}})));
  EXPECT_EQ(text,
            "stage 1  x [4]   standardise        → W1 [8, 4]     → z1, sums\n"
            "stage 2  z1 [8]  batch norm 2, relu → W4 [3, 8] + b → output\n");
}

}  // namespace
}  // namespace ztilde
