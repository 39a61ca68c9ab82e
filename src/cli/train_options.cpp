#include "cli/train_options.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/class_weights.hpp"
#include "cli/network_file.hpp"
#include "cli/train_folds.hpp"

namespace ztilde::cli {
namespace {

const Choices<OptimizerKind> kOptimizers = {
    {"sgd", OptimizerKind::sgd},           {"momentum", OptimizerKind::momentum},
    {"nesterov", OptimizerKind::nesterov}, {"rmsprop", OptimizerKind::rmsprop},
    {"adam", OptimizerKind::adam},         {"adamw", OptimizerKind::adamw}};
constexpr std::uint64_t kLeastTrainMemory = std::uint64_t{1} << 26;
constexpr double kMostPixels = 4096;  // of a shift or a hole
constexpr Range kAnyShare = {.least = 0, .most = 1, .most_excluded = true};

// "0.1 for sgd, 0.05 for momentum and nesterov, …": whatever the library says.
constexpr const char* kImageSchedule = "onecycle";
constexpr const char* kImageRate = "0.01";
constexpr const char* kImageBatch = "128";

std::string standard_rates() {
  std::string text;
  for (std::size_t i = 0; i < kOptimizers.size(); ++i) {
    const double rate = default_learning_rate(kOptimizers[i].second);
    const bool goes_on = i > 0 && default_learning_rate(kOptimizers[i - 1].second) == rate;
    text += goes_on ? fmt::format(", {}", kOptimizers[i].first)
                    : fmt::format("{}{} for {}", i == 0 ? "" : "; ", rate, kOptimizers[i].first);
  }
  return text;
}

Choices<ActivationKind> activations() {
  Choices<ActivationKind> choices;
  for (const auto kind : {ActivationKind::relu, ActivationKind::leaky_relu, ActivationKind::sigmoid,
                          ActivationKind::tanh, ActivationKind::silu, ActivationKind::gelu}) {
    choices.emplace_back(to_string(kind), kind);
  }
  return choices;
}

void list_data(OptionTable& table, TrainArguments& arguments, const std::string& folds) {
  table.group("Data");
  add_input_options(table, arguments.input);
  add_target_option(table, arguments.target);
  add_task_option(table, arguments.task, "auto decides from the target and says why");
  table.text("--valid", "PATH", arguments.valid.data, "rows for validation, never trained on");
  table.text("--valid-labels", "PATH", arguments.valid.labels, "the IDX labels of --valid");
  table.real("--valid-fraction", "F", arguments.training.valid_fraction, kAnyShare,
             "without --valid: the share of the rows held out, stratified for classes; 0 for none");
  table.custom({"--folds", "K", folds, "off", "off, from 2",
                [&arguments](const std::string& label, const std::string& text) {
                  arguments.folds = text == "off" ? 0 : parse_whole(label, text, {.least = 2});
                }});
  table.group("Tables");
  add_format_options(table, arguments.input.table);
  add_role_options(table, arguments.input.table);
  add_missing_option(table, arguments.input.table);
  add_unseen_option(table, arguments.input.table);
}

void list_network(OptionTable& table, TrainArguments& arguments) {
  TrainOptions& training = arguments.training;
  table.group("Network", true);
  std::string widths;
  for (const std::size_t width : training.hidden)
    widths += fmt::format("{}{}", widths.empty() ? "" : ",", width);
  const Range width_range = {.least = 1};
  table
      .custom({"--hidden", "N,N,…", "outputs of each hidden dense layer; none: logistic or linear regression",
               widths, width_range.words(),
               [&training, width_range](const std::string& label, const std::string& text) {
                 training.hidden = parse_widths(label, text, width_range);
               }})
      .is_list = true;
  table.choice("--activation", training.activation, activations(), "after each hidden layer");
  table.choice("--norm", training.batch_norm, {{"batch", true}, {"none", false}},
               "batch norm in each hidden layer");
  table.choice("--norm-place", training.norm_place,
               {{"before", NormPlace::before}, {"after", NormPlace::after}}, "of the activation");
  table.real("--epsilon", "E", training.epsilon, {.least = 0}, "added to the variance in every batch norm");
  table.real("--keep", "K", training.keep, {.least = 0, .most = 1},
             "running = K running + (1 - K) batch in every batch norm (PyTorch's momentum is 1 - K)");
  table.custom(
      {"--standardise", "WORD",
       "input columns to mean 0 and variance 1, as part of the model; quantile: their numbers through "
       "the training rows' quantiles to a normal distribution first",
       "on", "on, off, quantile", [&training](const std::string& label, const std::string& text) {
         const std::vector<std::string> known = {"on", "off", "quantile"};
         const std::size_t choice = OptionTable::index_of_choice(label, text, known);
         training.standardise = choice != 1;
         training.quantile = choice == 2;
       }});
  table.whole("--one-hot", "N", training.one_hot_most, {},
              "a text column of up to N categories is an input for each, one of more a learned table");
  table.real("--dropout", "P", training.dropout, kAnyShare, "after each hidden layer");
  table
      .text(
          "--net", "NAME|FILE", arguments.net,
          fmt::format("instead of the options above, one of {}, or any network as JSON; ztilde inspect NAME "
                      "--network prints one to start from",
                      fmt::join(shown_network_names(), ", ")))
      .recorded = false;  // the model holds the network itself
  table.custom(
      {"--init", "WORD", "the first weights; he:0.1 are a tenth of them", "he",
       "he, xavier, he:SCALE, xavier:SCALE, normal:STD",
       [&training](const std::string& label, const std::string& text) {
         const std::size_t colon = text.find(':');
         const std::string kind = text.substr(0, colon);
         if ((kind != "he" && kind != "xavier" && kind != "normal") ||
             (kind == "normal" && colon == text.npos)) {
           const std::string known[] = {"he", "xavier", "normal:0.01"};
           refuse(label, fmt::format("unknown value '{}'{}", printable(text), did_you_mean(text, known)));
         }
         training.init = kind == "he" ? InitKind::he : kind == "xavier" ? InitKind::xavier : InitKind::normal;
         if (colon == text.npos) return;
         (kind == "normal" ? training.init_std : training.init_scale) =
             parse_real(label, text.substr(colon + 1), {.least = 0, .least_excluded = true});
       }});
}

// "norm", "all-but-norm", or layers by index.
Freeze parse_freeze(const std::string& label, const std::string& text) {
  if (text == "none") return {};
  if (text == "norm") return {.kind = FreezeKind::norms, .layers = {}};
  if (text == "all-but-norm") return {.kind = FreezeKind::all_but_norms, .layers = {}};
  if (text.empty() || text.find_first_not_of("0123456789,") != text.npos) {
    const std::string known[] = {"none", "norm", "all-but-norm", "1,2"};
    refuse(label, fmt::format("unknown value '{}'{}", printable(text), did_you_mean(text, known)));
  }
  Freeze freeze{.kind = FreezeKind::layers, .layers = {}};
  for (const std::string& layer : split_list(text)) freeze.layers.push_back(parse_whole(label, layer, {}));
  return freeze;
}

void list_start(OptionTable& table, TrainArguments& arguments) {
  TrainOptions& training = arguments.training;
  table.group("Fine-tuning", true);
  table.text("--from", "MODEL", arguments.from,
             "go on from this model: its network, weights, statistics, columns and classes");
  table
      .custom(
          {"--freeze-parameters", "LAYERS",
           "parameters to keep as they are: layers by number, as ztilde inspect lists them; norm (gamma and "
           "beta), or all-but-norm",
           "none", "none, N,N,…, norm, all-but-norm",
           [&training](const std::string& label, const std::string& text) {
             training.freeze = parse_freeze(label, text);
           }})
      .is_list = true;
  table.flag("--only-norm", arguments.only_norm,
             "train gamma and beta alone: --freeze-parameters all-but-norm");
  table.flag("--freeze-statistics", training.freeze_statistics,
             "with --from: batch norm uses the model's statistics in training too, and keeps them");
}

void list_training(OptionTable& table, TrainArguments& arguments) {
  TrainOptions& training = arguments.training;
  table.group("Training", true);
  table.choice("--optimizer", training.optimizer, kOptimizers, "of weights, biases, gamma and beta alike");
  table.real("--lr", "R", training.learning_rate, {.least = 0, .least_excluded = true},
             "the largest learning rate",
             fmt::format("{}; {} for adamw with convolutions", standard_rates(), kImageRate));
  table.choice("--schedule", training.schedule,
               {{"constant", ScheduleKind::constant},
                {"cosine", ScheduleKind::cosine},
                {"step", ScheduleKind::step},
                {"onecycle", ScheduleKind::onecycle}},
               fmt::format("how the learning rate changes; with convolutions {} by itself", kImageSchedule));
  table.whole("--warmup", "STEPS", training.warmup_steps, {},
              "steps over which the learning rate rises to --lr first");
  table.real("--weight-decay", "D", training.weight_decay, {}, "of the weights",
             fmt::format("{} for adamw, else {}", default_weight_decay(OptimizerKind::adamw),
                         default_weight_decay(OptimizerKind::sgd)));
  table.flag("--decay-all", training.decay_all, "weight decay for gamma, beta and biases too");
  table.real("--clip", "NORM", training.clip_norm, {}, "largest norm of the gradient; 0: any");
  table.custom(
      {"--class-weights", "WORD",
       "how often a row counts in the loss by its class: balanced, so that all classes count alike "
       "(rows / (classes * rows of the class)), a list NAME=W,NAME=W… or a JSON file; metrics do not "
       "mind",
       "none", "none, balanced, a list, a file",
       [&arguments](const std::string& label, const std::string& text) {
         parse_class_weights(label, text, arguments.training.class_weights, arguments.class_weights_file);
       }});
  table.real("--label-smoothing", "S", training.label_smoothing, kAnyShare,
             "in the training loss a row's class gets 1 - S, and S is shared by all classes");
  table.real("--average-weights", "A", training.average_weights, kAnyShare,
             "save the mean of the weights after each step, the last ones counting most: average = A average "
             "+ (1 - A) weights; 0: those of the last step");
  table.whole("--epochs", "N", training.epochs, {.least = 1}, "passes over the training rows");
  table.whole(
      "--batch", "N", training.batch, {.least = 1},
      fmt::format("rows in a step; from 2 with batch norm; with convolutions {} by itself", kImageBatch));
  table.custom({"--ghost", "N", "normalise a batch in groups of at most N rows (ghost batch norm)", "off",
                "off, from 2", [&training](const std::string& label, const std::string& text) {
                  training.ghost = text == "off" ? 0 : parse_whole(label, text, {.least = 2});
                }});
  table.custom({"--patience", "N", "stop after N epochs without a better validation loss, keep the best",
                "off", "off, from 1", [&training](const std::string& label, const std::string& text) {
                  training.patience = text == "off" ? 0 : parse_whole(label, text, {.least = 1});
                }});
  table.choice("--statistics", training.statistics,
               {{"population", StatisticsSource::population}, {"running", StatisticsSource::running}},
               "what the saved model normalises with: measured over all training rows at the end, or "
               "averaged on the way");
  table.whole("--seed", "N", training.seed, {.most = 0x1p64}, "of every random choice");
}

void list_images(OptionTable& table, TrainArguments& arguments) {
  Augmentation& augment = arguments.training.augment;
  table.group("Augmentation", true);
  table.flag("--flip", augment.flip,
             "training images left to right, every other one by chance, anew in every step");
  table.whole("--shift", "N", augment.shift, {.most = kMostPixels},
              "training images by up to N pixels along each axis; what comes in from outside is 0");
  table.whole("--cutout", "N", augment.cutout, {.most = kMostPixels},
              "a square of N x N pixels of each training image, anywhere in it, becomes 0");
}

void list_output(OptionTable& table, TrainArguments& arguments) {
  table.group("Output");
  table.text("--out", "FILE", arguments.out, "the model file; with --folds none unless given");
  table.text("--log", "FILE", arguments.log, "the history as it goes, one JSON object a line");
  table.text("--report", "FILE", arguments.report,
             "a page that shows how it went, at the end; one file that opens anywhere, offline");
  table
      .custom({"--watch", "[PORT]",
               "the same page while it goes, for a browser on this machine; the port, or any that is free",
               "off", "off, free, from 1 to 65,535",
               [&arguments](const std::string& label, const std::string& text) {
                 arguments.watch = text != "off";
                 if (text == "off" || text == "free") return;
                 arguments.watch_port = static_cast<int>(parse_whole(label, text, {.most = 65535}));
               }})
      .alone = "free";
  CheckpointOptions& checkpoint = arguments.training.checkpoint;
  table.text("--checkpoint", "FILE", checkpoint.path, "everything needed to go on later, as it goes");
  table.custom({"--checkpoint-every", "STEPS", "how often it is saved: after so many steps, or each epoch",
                "epoch", "epoch, from 1", [&checkpoint](const std::string& label, const std::string& text) {
                  checkpoint.every_steps = text == "epoch" ? 0 : parse_whole(label, text, {.least = 1});
                }});
  table.flag("--resume", checkpoint.resume,
             "go on from --checkpoint, to the same model as without a break; begin where there is none yet");
  table.flag("--force", arguments.force, "overwrite the files of --out, --log, --report and --checkpoint");
  table.flag("--json", arguments.json, "one JSON object instead of words at the end");
  add_progress_option(
      table, arguments.progress,
      "one line drawn again and again on a terminal, else a line an epoch; always: as on a terminal");
  table.flag("--quiet", arguments.quiet, "errors only (and --json)");
  table.group("Other");
  table.custom(
      {"--memory", "SIZE",
       "of a packed file: what training may take of memory; inputs that do not fit into half of it stay "
       "on disk, and rows are shuffled within windows of a quarter of it",
       "all inputs are read", "from 64M", [&arguments](const std::string& label, const std::string& text) {
         arguments.training.memory = parse_size(label, text, kLeastTrainMemory);
       }});
  add_threads_option(table, arguments.training.threads);
  table.custom({"--split-seed", "N", "of the rows held out alone", "that of --seed", "from 0",
                [&arguments](const std::string& label, const std::string& text) {
                  arguments.split_seed = parse_whole(label, text, {.most = 0x1p64});
                }});
  table.real("--timeout", "S", arguments.training.rank_timeout, {.least = 0, .least_excluded = true},
             "under mpirun: a rank that is waited for longer than S seconds ends the others");
  table.choice(
      "--sync-statistics", arguments.training.synchronised_statistics, {{"on", true}, {"off", false}},
      "under mpirun: batch norm by all rows of a batch, or each rank by its own: less waiting, and the "
      "result depends on their number");
  table.config("--config", "options from a file with lines like epochs = 40; the command line wins");
}

}  // namespace

const std::vector<std::string> kNetworkOptions = {"--hidden",      "--activation", "--norm",
                                                  "--norm-place",  "--epsilon",    "--keep",
                                                  "--standardise", "--one-hot",    "--dropout"};

void list_training_options(OptionTable& table, TrainArguments& arguments, const std::string& folds) {
  list_data(table, arguments, folds);
  list_network(table, arguments);
  list_start(table, arguments);
  list_training(table, arguments);
  list_images(table, arguments);
}

OptionTable train_options(TrainArguments& arguments) {
  OptionTable table("ztilde train --data PATH [options]",
                    "Learns from labelled rows and writes a model file.");
  list_training_options(
      table, arguments,
      "cross-validation: K times train on all rows but a Kth, stratified for classes, and score the "
      "model on that; with --out, then train one model on all rows and save it");
  list_output(table, arguments);
  table.example("ztilde train --data iris.csv --target species --out iris.ztilde");
  table.example("ztilde train --data iris.csv --report iris.html --watch");
  table.example("ztilde train --data iris.csv --checkpoint iris.ckpt --resume");
  table.example("ztilde train --from iris.ztilde --data more.csv --lr 2e-4 --out more.ztilde");
  table.example("ztilde train --data photos --image-size 32 --out photos.ztilde");
  table.example("ztilde train --data train-images-idx3-ubyte.gz \\");
  table.example("    --labels train-labels-idx1-ubyte.gz --hidden 512,256 --epochs 10");
  return table;
}

void use_image_standards(OptionTable& table, const TrainArguments& arguments) {
  if (!table.given("--warmup")) table.use_standard("--schedule", kImageSchedule);
  table.use_standard("--batch", kImageBatch);
  if (arguments.training.optimizer == OptimizerKind::adamw) table.use_standard("--lr", kImageRate);
}

namespace {

void check_start(const OptionTable& table, const TrainArguments& arguments) {
  if (arguments.only_norm) table.exclude("--only-norm", {"--freeze-parameters"}, "give one of the two");
  if (arguments.from.empty()) {
    if (arguments.training.freeze_statistics)
      refuse("--freeze-statistics", "given without --from; a new network has no statistics yet");
    return;
  }
  table.exclude("--from", kNetworkOptions, "the model has its network");
  table.exclude("--from", {"--net", "--init"}, "the model has its network and weights");
  table.exclude("--from", {"--target", "--task"}, "the model has them");
  table.exclude("--from",
                {"--columns", "--categorical", "--numeric", "--ignore", "--missing", "--missing-values"},
                "tables are read as the model's was");
  table.exclude("--from", {"--folds"}, "the model may know the rows of every fold");
  if (!arguments.training.freeze_statistics) return;
  table.exclude("--freeze-statistics", {"--statistics"}, "the model's are kept");
  table.exclude("--freeze-statistics", {"--ghost"}, "its groups have statistics of their own");
}

void check_split_seed(const OptionTable& table, const TrainArguments& arguments) {
  if (!arguments.split_seed) return;
  const auto exclude = [&](const char* other, const char* reason) {
    if (table.given(other)) refuse("--split-seed", fmt::format("does not go with {}; {}", other, reason));
  };
  exclude("--valid", "nothing is held out");
  exclude("--folds", "all rows are dealt into folds, by --seed");
  exclude("--checkpoint", "it would not notice another split; leave one of the two out");
  if (arguments.training.valid_fraction == 0)
    refuse("--split-seed", "given with --valid-fraction 0; nothing is held out, leave it out");
}

}  // namespace

void check_train_options(const OptionTable& table, const TrainArguments& arguments) {
  require_data(arguments.input);
  check_folds(table, arguments);
  check_start(table, arguments);
  if (arguments.training.memory > 0)
    table.exclude("--memory", {"--folds"},
                  "folds are drawn row by row from memory; leave one of the two out");
  if (!arguments.valid.data.empty()) {
    table.exclude("--valid", {"--valid-fraction"}, "give one of the two");
  } else if (!arguments.valid.labels.empty()) {
    refuse("--valid-labels", "given without --valid; name the images too");
  }
  if (arguments.training.patience > 0 && arguments.valid.data.empty() &&
      arguments.training.valid_fraction == 0) {
    refuse("--patience", "needs validation rows; give --valid, or a --valid-fraction above 0");
  }
  check_split_seed(table, arguments);
  if (!arguments.net.empty()) {
    table.exclude("--net", kNetworkOptions, "the file describes the whole network");
  }
  const std::string& checkpoint = arguments.training.checkpoint.path;
  if (checkpoint.empty()) {
    for (const char* option : {"--resume", "--checkpoint-every"}) {
      if (table.given(option)) refuse(option, "given without --checkpoint; name its file");
    }
  }
  if (checkpoint == "-") refuse("--checkpoint", "it cannot go to standard output; name a file");
  std::vector<NamedPath> others = {{"--data", arguments.input.data},
                                   {"--labels", arguments.input.labels},
                                   {"--valid", arguments.valid.data},
                                   {"--valid-labels", arguments.valid.labels},
                                   {"--net", is_network_name(arguments.net) ? "" : arguments.net},
                                   {"--from", arguments.from},
                                   {"--config", table.config_file()},
                                   {"--columns", arguments.input.table.columns_file},
                                   {"--class-weights", arguments.class_weights_file}};
  for (const NamedPath& output :
       {NamedPath{"--checkpoint", checkpoint}, NamedPath{"--log", arguments.log},
        NamedPath{"--report", arguments.report}, NamedPath{"--out", arguments.out}}) {
    require_other_file(output, others);
    others.push_back(output);
  }
  if (arguments.report == "-") refuse("--report", "it cannot go to standard output; name a file");
  if (arguments.out == "-") refuse("--out", "a model cannot go to standard output; name a file");
}

}  // namespace ztilde::cli
