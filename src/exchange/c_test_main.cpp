#include "exchange/c_test_main.hpp"

#include <fmt/format.h>

#include <vector>

#include "exchange/c_text.hpp"
#include "model/fold_rows.hpp"

namespace ztilde::c_export {
namespace {

constexpr std::size_t kRowsMadeUp = 4;

constexpr std::string_view kMain = R"(
int main(void) {
  static float scratch[@_SCRATCH];
  const size_t count = sizeof $_test_outputs / sizeof $_test_outputs[0] / @_OUTPUTS;
  double worst = 0.0, worst_share = 0.0;
  int passed = 1;
  size_t r, o;
  for (r = 0; r < count; ++r) {
    const float *const expected = $_test_outputs + r * @_OUTPUTS;
    float outputs[@_OUTPUTS];
    double largest = 0.0;
    $_outputs($_test_rows + r * @_INPUTS, outputs, scratch);
    for (o = 0; o < @_OUTPUTS; ++o) largest = fmax(largest, fabs((double)expected[o]));
    for (o = 0; o < @_OUTPUTS; ++o) {
      const double difference = fabs((double)outputs[o] - (double)expected[o]);
      const double share = difference / (1.0 + largest);
      passed = passed && share <= @_TOLERANCE; /* a NaN is not */
      worst = fmax(worst, difference);
      worst_share = fmax(worst_share, share);
    }
  }
  printf("$: the largest difference in %d test rows is %.3g, %.3g of 1 + the largest output: %s\n",
         (int)count, worst, worst_share, passed ? "passed" : "FAILED");
  return passed ? 0 : 1;
}
)";

}  // namespace

std::string self_test_source(const Model& model, const std::string& upper) {
  const bool made_up = model.test_inputs.empty();
  const std::vector<float> rows = made_up ? built_in_rows(model, kRowsMadeUp, 0) : model.test_inputs;
  const std::vector<float> expected = made_up ? outputs(model, rows, 1) : model.test_outputs;
  std::string main(kMain);
  for (auto at = main.find('@'); at != main.npos; at = main.find('@')) main.replace(at, 1, upper);
  return fmt::format(
             "\n#ifdef {0}_SELF_TEST\n"
             "/* Rows of the model's file and the outputs that ztilde gives for them. */\n"
             "#include <stdio.h>\n\n"
             "#ifndef {0}_TOLERANCE\n#define {0}_TOLERANCE 1e-5\n#endif\n\n",
             upper) +
         c_text::array("$_test_rows", rows) + c_text::array("$_test_outputs", expected) + main + "#endif\n";
}

}  // namespace ztilde::c_export
