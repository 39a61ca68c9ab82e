// Training steps with batch norm, the same network with biases instead, and the bare matrix
// products of the same shapes, all in turn; predictions of 1 row and of many.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bare_products.hpp"
#include "rows.hpp"
#include "runs.hpp"
#include "sampling.hpp"
#include "ztilde/error.hpp"

namespace ztilde::bench {
namespace {

struct Options {
  std::string list = ZTILDE_BENCH_DIR "/shapes/networks.txt", json;
  std::vector<std::string> networks;
  std::size_t rounds = 41, threads = 2;
  double chunk_seconds = 0.03;
};

struct Result {
  BenchNetwork network;
  Spread step, plain_step, products, predict_one, predict_many;  // seconds
  Spread over_products, over_plain;
};

Result measure(const BenchNetwork& network, const Dataset& data, const Options& options) {
  TrainRun with(network, true, data, options.threads), without(network, false, data, options.threads);
  BareProducts products(widths(network), network.batch, options.threads);
  PredictRun one(with.model(), data, 1, options.threads),
      many(with.model(), data, kPredictRows, options.threads);
  const auto seconds = measure_in_turn({[&] { with.step(); }, [&] { without.step(); },
                                        [&] { products.step(); }, [&] { one.run(); }, [&] { many.run(); }},
                                       options.rounds, options.chunk_seconds);
  return {network,
          spread_of(seconds[0]),
          spread_of(seconds[1]),
          spread_of(seconds[2]),
          spread_of(seconds[3]),
          spread_of(seconds[4]),
          spread_of_ratios(seconds[0], seconds[2]),
          spread_of_ratios(seconds[0], seconds[1])};
}

std::string text_of(const Spread& ratio) {
  return fmt::format("{:.2f} ({:.2f}–{:.2f})", ratio.median, ratio.low, ratio.high);
}

nlohmann::ordered_json json_of(const Spread& spread) {
  return {{"median", spread.median}, {"p10", spread.low}, {"p90", spread.high}};
}

nlohmann::ordered_json json_of(const Result& r) {
  return {{"network", r.network.name},
          {"batch", r.network.batch},
          {"operations_a_row", step_operations(r.network)},
          {"step_seconds", json_of(r.step)},
          {"step_seconds_without_batch_norm", json_of(r.plain_step)},
          {"bare_products_seconds", json_of(r.products)},
          {"predict_1_seconds", json_of(r.predict_one)},
          {fmt::format("predict_{}_seconds", kPredictRows), json_of(r.predict_many)},
          {"step_over_bare_products", json_of(r.over_products)},
          {"batch_norm_over_none", json_of(r.over_plain)}};
}

void print_row(const Result& r) {
  const double rows = static_cast<double>(r.network.batch), operations = rows * step_operations(r.network);
  fmt::print("{:<15} {:>9.0f} {:>8.0f} {:>8.0f}  {:<18} {:<18} {:>9.0f} {:>11.0f}\n", r.network.name,
             rows / r.step.median, operations / r.step.median * 1e-9, operations / r.products.median * 1e-9,
             text_of(r.over_products), text_of(r.over_plain), 1 / r.predict_one.median,
             static_cast<double>(kPredictRows) / r.predict_many.median);
  std::fflush(stdout);
}

void run(const Options& options) {
  fmt::print("{} threads; medians of {} rounds, with the 10th and 90th percentile of ratios\n",
             options.threads, options.rounds);
  fmt::print("{:<15} {:>9} {:>17}  {:<18} {:<18} {:>21}\n", "", "training", "GFLOP/s", "step over",
             "batch norm", "prediction, rows/s");
  fmt::print("{:<15} {:>9} {:>8} {:>8}  {:<18} {:<18} {:>9} {:>11}\n", "network", "rows/s", "step",
             "products", "bare products", "over none", "1 row", fmt::format("{} rows", kPredictRows));
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  Dataset data;
  for (const BenchNetwork& network : read_networks(options.list, options.networks)) {
    if (data.columns != network.inputs || data.task != network.task)
      data = make_rows(network.task, network.inputs);
    const Result result = measure(network, data, options);
    print_row(result);
    results.push_back(json_of(result));
  }
  if (options.json.empty()) return;
  std::ofstream file(options.json);
  file << nlohmann::ordered_json{{"threads", options.threads},
                                 {"rounds", options.rounds},
                                 {"results", results}}
              .dump(1)
       << "\n";
  if (!file.flush()) throw Error(ErrorKind::io, options.json + ": cannot be written");
}

}  // namespace
}  // namespace ztilde::bench

int main(int argc, char** argv) {
  ztilde::bench::Options options;
  CLI::App app("Measures training steps and predictions of the networks in a list.");
  app.add_option("--list", options.list, "the list of networks")->capture_default_str();
  app.add_option("--networks", options.networks, "names of those to measure; all when left out")
      ->delimiter(',');
  app.add_option("--rounds", options.rounds, "chunks of each kind")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--chunk-seconds", options.chunk_seconds, "length of a chunk")->capture_default_str();
  app.add_option("--threads", options.threads)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--json", options.json, "also write the figures to this file");
  CLI11_PARSE(app, argc, argv);
  try {
    ztilde::bench::run(options);
  } catch (const ztilde::Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
