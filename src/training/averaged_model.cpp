#include "training/averaged_model.hpp"

#include "training/encoding.hpp"
#include "training/finished_model.hpp"
#include "training/norm_probe.hpp"

namespace ztilde {

void take_average(const Trainer& trainer, std::span<const double> statistics, std::span<float> parameters) {
  trainer.average(parameters);
  average_unseen(trainer.model.network, statistics, parameters);
}

AveragedModel::AveragedModel(const Model& start, const Batch& rows, std::size_t most, std::uint64_t seed,
                             Team& team)
    : model(start),
      team_(team),
      rows_(probe_rows(rows, most_copied(rows, most), seed)),
      batch_(in_memory({rows.source, rows_.data(), rows_.size(), rows.targets, rows.weights}, copy_)) {}

void AveragedModel::refresh(const Trainer& trainer) {
  take_average(trainer, model.statistics, model.parameters);
  if (batch_.rows > 0) measure_population_of(model, batch_, team_, trainer.steps());
}

std::size_t AveragedModel::bytes() const {
  return model.parameters.size() * sizeof(float) + rows_.size() * sizeof(std::uint32_t);
}

}  // namespace ztilde
