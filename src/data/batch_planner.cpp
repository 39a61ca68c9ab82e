#include "data/batch_planner.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

std::string BatchPlan::describe() const {
  const std::string start = fmt::format("{} = {}", counted(rows, "row"), counted(batches, "batch"));
  if (batches <= 1) return start;
  if (larger_count == 0) return fmt::format("{} of {}", start, with_commas(smaller));
  return fmt::format("{} of {} or {}", start, with_commas(smaller), with_commas(smaller + 1));
}

BatchPlan plan_batches(std::size_t rows, std::size_t batch, std::size_t min_rows_per_batch) {
  if (rows == 0) throw Error(ErrorKind::data, "0 rows make no batch; give data with rows");
  if (batch == 0)
    throw Error(ErrorKind::data, "a batch of 0 rows trains nothing; choose a batch of 1 or more");
  if (rows < min_rows_per_batch) {
    throw Error(
        ErrorKind::data,
        fmt::format("{} to train on, and batch norm needs {} in every batch (the variance of 1 row is 0); "
                    "give more rows, or train without batch norm",
                    counted(rows, "row"), counted(min_rows_per_batch, "row")));
  }
  if (batch < min_rows_per_batch) {
    throw Error(
        ErrorKind::data,
        fmt::format("{} in batches of {} would be {} of {}, and batch norm needs {} in every batch "
                    "(the variance of 1 row is 0); choose a batch of {} or more, or train without batch norm",
                    counted(rows, "row"), batch, counted((rows + batch - 1) / batch, "batch"),
                    counted(batch, "row"), counted(min_rows_per_batch, "row"), min_rows_per_batch));
  }
  BatchPlan plan;
  plan.rows = rows;
  plan.batches = rows / batch + (rows % batch != 0 ? 1 : 0);
  if (rows / plan.batches < min_rows_per_batch) plan.batches = rows / min_rows_per_batch;
  plan.smaller = rows / plan.batches;
  plan.larger_count = rows % plan.batches;
  return plan;
}

}  // namespace ztilde
