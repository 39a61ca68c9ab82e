// The checkpoint of a small run: as it is, and once more with a checksum that vouches for it and the
// identity of the run.
#include "training/checkpoint.hpp"

#include "fuzz.hpp"
#include "model/checksum.hpp"
#include "training/prepare.hpp"

using namespace ztilde;

namespace {

// 12 rows in 3 batches, 5 epochs.
class SmallRun {
 public:
  SmallRun() : data_(rows()), run_(prepare_run(data_, nullptr, options(), team_)), trainer_(start()) {}

  void read(std::string_view content) {
    TrainState state;
    state.best = run_.model;
    fuzz::taken([&] {
      checkpoint::from_bytes(content, "c", identity(), {run_.batcher.plan().batches, 5}, trainer_, state);
      // What is taken can be trained on and written.
      run_.batcher.begin_epoch(state.epoch);
      trainer_.step(run_.batcher.batch(state.batch), 1e-3);
      std::vector<double> history;
      checkpoint::to_pieces({identity(), ""}, trainer_, state, history);
    });
  }
  RunIdentity identity() const { return identity_of(data_, nullptr, run_.model.network, options()); }

 private:
  static Dataset rows() {
    Dataset data;
    data.rows = 12;
    data.columns = 1;
    for (std::size_t r = 0; r < data.rows; ++r) {
      data.floats.push_back(static_cast<float>(r * r % 7));
      data.targets.push_back(static_cast<float>(r % 2));
    }
    data.classes = {"a", "b"};
    return data;
  }
  static TrainOptions options() {
    TrainOptions options;
    options.hidden = {2};
    options.batch = 4;
    options.epochs = 5;
    options.valid_fraction = 0;
    return options;
  }
  Trainer start() {
    return Trainer(run_.model, run_.objective, run_.optimiser, run_.batcher.plan(), 0, team_, 0);
  }

  Team team_{1};
  Dataset data_;
  PreparedRun run_;
  Trainer trainer_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static SmallRun run;
  const std::string_view content = fuzz::text_of(data, size);
  run.read(content);
  fuzz::taken([&] {
    safetensors::File file = safetensors::read(content, "c");
    for (const auto& [name, text] : run.identity()) file.metadata["run " + name] = text;
    run.read(pieces_with_checksum(file).joined());
  });
  return 0;
}
