// Ten lines: rows in, a trained network out.
//   quickstart IMAGES LABELS MODEL
#include <cstdio>
#include <ztilde/ztilde.hpp>

int main(int, char** arguments) {
  const ztilde::Dataset images = ztilde::read_idx(arguments[1], arguments[2]);
  ztilde::TrainOptions options;
  options.hidden = {128, 64};
  options.epochs = 3;
  const ztilde::TrainResult result = ztilde::train(images, options);
  ztilde::save(result.model, arguments[3]);
  const ztilde::Scores scores = ztilde::evaluate(ztilde::load(arguments[3]), images);
  std::printf("%zu parameters, accuracy %.3f\n", ztilde::parameter_count(result.model.network),
              scores.accuracy);
}
