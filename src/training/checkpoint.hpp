// The checkpoint file: a run between two steps, whole enough to go on from to the same bits.
// docs/checkpoints.md says what is in it.
#pragma once

#include <string>
#include <string_view>

#include "model/safetensors.hpp"
#include "training/run_identity.hpp"
#include "training/train_state.hpp"
#include "training/trainer.hpp"

namespace ztilde::checkpoint {

struct Owner {
  RunIdentity identity;
  std::string note;  // the caller's own words, ASCII
};

struct Length {
  std::uint64_t batches = 0;  // of an epoch
  std::uint64_t epochs = 0;
};

// In pieces that view the trainer's and the state's memory, but for the history, which goes to
// `history`: it outlives them.
safetensors::Pieces to_pieces(const Owner& owner, Trainer& trainer, TrainState& state,
                              std::vector<double>& history);

// Sets trainer and state, which are as a run begins, to what `content` holds. Throws Error(data)
// naming file_name for what is damaged, no checkpoint, of a newer version, or of another run, saying
// what differs; neither is to be used then.
void from_bytes(std::string_view content, const std::string& file_name, const RunIdentity& identity,
                const Length& run, Trainer& trainer, TrainState& state);

}  // namespace ztilde::checkpoint
