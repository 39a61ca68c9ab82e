// ztilde among its peers. With --write-rows FOLDER it writes the rows that all of them use.
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>

#include "protocol.hpp"
#include "rows.hpp"
#include "runs.hpp"

namespace {

using namespace ztilde;
using namespace ztilde::bench;

constexpr std::size_t kImageColumns = 784, kTableColumns = 64;

struct Prepared {
  Prepared(const BenchNetwork& network, bool batch_norm, std::size_t threads)
      : data(make_rows(network.task, network.inputs)), train(network, batch_norm, data, threads) {}

  Dataset data;
  TrainRun train;
  std::map<std::size_t, std::unique_ptr<PredictRun>> predict;  // by number of rows
};

void serve_ztilde(bool batch_norm, std::size_t threads) {
  std::unique_ptr<Prepared> prepared;
  serve({ZTILDE_VERSION,
         [&](const std::string& line) {
           prepared = nullptr;
           prepared = std::make_unique<Prepared>(parse_network(line), batch_norm, threads);
           return std::string("adamw");
         },
         [&] { prepared->train.step(); },
         [&](std::size_t rows) -> std::function<void()> {
           auto& run = prepared->predict[rows];
           if (!run)
             run = std::make_unique<PredictRun>(prepared->train.model(), prepared->data, rows, threads);
           return [&run] { run->run(); };
         }});
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder, list;
  std::size_t threads = 2;
  bool without_norm = false;
  CLI::App app("ztilde as scripts/bench-peers runs it.");
  app.add_option("--write-rows", folder, "write the rows to this folder and end");
  app.add_option("--threads", threads)->capture_default_str();
  app.add_flag("--without-norm", without_norm, "train the same networks without their batch norms");
  app.add_option("--activation-memory", list,
                 "print each listed network's bytes of a step for a row and end");
  app.add_option("rows", "folder of rows; ztilde makes its own, the same");
  CLI11_PARSE(app, argc, argv);
  if (!list.empty()) {
    for (const BenchNetwork& network : read_networks(list, {})) {
      const Prepared prepared(network, true, threads);
      const auto rows = static_cast<double>(network.batch);
      const TrainPlan& plan = prepared.train.plan();
      std::cout << network.name << ' ' << static_cast<double>(plan.activation_bytes()) / rows << ' '
                << static_cast<double>(plan.bytes()) / rows << '\n';
    }
  } else if (folder.empty()) {
    serve_ztilde(!without_norm, threads);
  } else {
    write_rows(make_rows(Task::classify, kImageColumns), folder + "/classify-784");
    write_rows(make_rows(Task::regress, kTableColumns), folder + "/regress-64");
  }
}
