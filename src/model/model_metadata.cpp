#include "model/model_metadata.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <variant>

#include "base/text.hpp"
#include "layers/fields.hpp"
#include "model/drift_json.hpp"
#include "ztilde/error.hpp"

namespace ztilde::model_file {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Thrown while a value is decoded, caught where its key is known.
struct NotThat {
  std::string expected;
};

std::string to_hex(const void* data, std::size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::string hex;
  hex.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    hex += kDigits[bytes[i] >> 4];
    hex += kDigits[bytes[i] & 15];
  }
  return hex;
}

std::string from_hex(const std::string& hex) {
  std::string bytes(hex.size() / 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    unsigned char byte = 0;
    const char* pair = hex.data() + 2 * i;
    const auto [end, failure] = std::from_chars(pair, pair + 2, byte, 16);
    if (failure != std::errc() || end != pair + 2) throw NotThat{"hexadecimal digits"};
    bytes[i] = static_cast<char>(byte);
  }
  if (hex.size() % 2 != 0) throw NotThat{"pairs of hexadecimal digits"};
  return bytes;
}

// Names come from people's files, and those need not be UTF-8, which JSON must be. Losing a
// trained model to a Latin-1 column name would be worse than an odd-looking name.
ordered_json text_to_json(const std::string& text) {
  try {
    (void)json(text).dump();
    return text;
  } catch (const json::exception&) {
    return {{"hex", to_hex(text.data(), text.size())}};
  }
}

std::string text_from_json(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.size() == 1 && value.contains("hex") && value["hex"].is_string()) {
    return from_hex(value["hex"].get<std::string>());
  }
  throw NotThat{"text"};
}

ordered_json texts_to_json(const std::vector<std::string>& texts) {
  ordered_json array = ordered_json::array();
  for (const std::string& text : texts) array.push_back(text_to_json(text));
  return array;
}

std::vector<std::string> texts_from_json(const json& value) {
  if (!value.is_array()) throw NotThat{"a list of names"};
  std::vector<std::string> texts;
  texts.reserve(value.size());
  for (const json& element : value) texts.push_back(text_from_json(element));
  return texts;
}

// A numeric column is its name alone, as it always was.
ordered_json column_to_json(const Column& column) {
  if (column.kind == ColumnKind::numeric) return text_to_json(column.name);
  return {{"name", text_to_json(column.name)}, {"categories", texts_to_json(column.categories)}};
}

Column column_from_json(const json& value) {
  if (!value.is_object() || !value.contains("categories")) return {text_from_json(value)};
  return {text_from_json(value.value("name", json())), ColumnKind::categorical,
          texts_from_json(value["categories"])};
}

constexpr std::pair<const char*, MissingUse> kMissingUses[] = {
    {"error", MissingUse::refuse}, {"mean", MissingUse::mean}, {"indicator", MissingUse::indicator}};

ordered_json to_json(const TableRules& rules) {
  const auto* use =
      std::ranges::find(kMissingUses, rules.missing, &std::pair<const char*, MissingUse>::second);
  return {{"weight", text_to_json(rules.weight_name)},
          {"ignored", texts_to_json(rules.ignored)},
          {"missing", use->first},
          {"missing_words", texts_to_json(rules.missing_words)}};
}

const json& member(const json& object, const char* name) {
  if (!object.is_object() || !object.contains(name)) throw NotThat{fmt::format("an object with '{}'", name)};
  return object[name];
}

std::uint64_t count_member(const json& object, const char* name) {
  const json& value = member(object, name);
  if (!value.is_number_unsigned()) throw NotThat{fmt::format("a whole number in '{}'", name)};
  return value.get<std::uint64_t>();
}

// JSON has no NaN: null stands for it, in both directions.
double number_member(const json& object, const char* name) {
  const json& value = member(object, name);
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) throw NotThat{fmt::format("a number in '{}'", name)};
  return value.get<double>();
}

// Bits as hexadecimal digits: exact for every float by construction, without a decimal in between.
std::vector<float> floats_member(const json& object, const char* name) {
  const std::string bytes = from_hex(text_from_json(member(object, name)));
  if (bytes.size() % sizeof(float) != 0) throw NotThat{fmt::format("whole floats in '{}'", name)};
  std::vector<float> numbers(bytes.size() / sizeof(float));
  if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

TableRules rules_from_json(const json& value) {
  TableRules rules;
  rules.weight_name = text_from_json(member(value, "weight"));
  rules.ignored = texts_from_json(member(value, "ignored"));
  rules.missing_words = texts_from_json(member(value, "missing_words"));
  const std::string word = text_from_json(member(value, "missing"));
  const auto* use =
      std::ranges::find_if(kMissingUses, [&](const auto& known) { return word == known.first; });
  if (use == std::end(kMissingUses)) throw NotThat{"error, mean or indicator in 'missing'"};
  rules.missing = use->second;
  return rules;
}

std::uint64_t image_channels(const Model& model) {
  return model.network.inputs / (model.image_height * model.image_width);
}

// The network's inputs are the numbers of an image.
void image_from_json(const json& value, Model& model) {
  const std::uint64_t height = count_member(value, "height"), width = count_member(value, "width");
  const std::uint64_t channels = count_member(value, "channels"), inputs = model.network.inputs;
  const bool fits = height > 0 && width > 0 && channels > 0 && height <= inputs / width &&
                    inputs % (height * width) == 0 && channels == inputs / (height * width);
  if (!fits) throw NotThat{fmt::format("sizes that give {}, the network's inputs", inputs)};
  const json& resized = member(value, "resized");
  if (!resized.is_boolean()) throw NotThat{"true or false in 'resized'"};
  model.image_height = height;
  model.image_width = width;
  model.images_resized = resized.get<bool>();
}

ordered_json conventions(const Network& network) {
  ordered_json by_layer = ordered_json::object();
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const auto* norm = std::get_if<BatchNorm>(&network.layers[i]);
    if (norm == nullptr) continue;
    // Twelve digits, so that keep 0.9 reads 0.1 and not 0.09999999999999998.
    const double momentum = std::round((1 - norm->keep) * 1e12) / 1e12;
    by_layer[std::to_string(i)] = {{"epsilon", norm->epsilon},
                                   {"keep", norm->keep},
                                   {"pytorch_momentum", momentum},
                                   {"running_variance", layers::name_of(norm->running_variance)}};
  }
  return by_layer;
}

ordered_json to_json(const TrainingRecord& training) {
  ordered_json options = ordered_json::array();
  for (const auto& [name, value] : training.options) {
    options.push_back(ordered_json::array({text_to_json(name), text_to_json(value)}));
  }
  ordered_json object = {
      {"rows", training.rows}, {"epochs", training.epochs},         {"steps", training.steps},
      {"seed", training.seed}, {"train_loss", training.train_loss}, {"valid_loss", training.valid_loss},
      {"options", options}};
  if (training.recalibrated_rows > 0) object["recalibrated_rows"] = training.recalibrated_rows;
  return object;
}

TrainingRecord training_from_json(const json& value) {
  TrainingRecord training;
  training.rows = count_member(value, "rows");
  training.epochs = count_member(value, "epochs");
  training.steps = count_member(value, "steps");
  training.seed = count_member(value, "seed");
  training.train_loss = number_member(value, "train_loss");
  training.valid_loss = number_member(value, "valid_loss");
  for (const json& option : member(value, "options")) {
    const std::vector<std::string> pair = texts_from_json(option);
    if (pair.size() != 2) throw NotThat{"pairs in 'options'"};
    training.options.emplace_back(pair[0], pair[1]);
  }
  if (value.contains("recalibrated_rows"))
    training.recalibrated_rows = count_member(value, "recalibrated_rows");
  return training;
}

std::vector<std::size_t> layers_member(const json& object, const char* name) {
  std::vector<std::size_t> layers;
  for (const json& layer : member(object, name)) {
    if (!layer.is_number_unsigned()) throw NotThat{fmt::format("whole numbers in '{}'", name)};
    layers.push_back(layer.get<std::size_t>());
  }
  return layers;
}

FoldCertificate certificate_from_json(const json& value) {
  FoldCertificate certificate;
  for (const json& norm : member(value, "folded")) {
    certificate.folded.push_back(
        {count_member(norm, "layer"), layers_member(norm, "into"), number_member(norm, "amplification")});
  }
  for (const json& norm : member(value, "unfolded"))
    certificate.unfolded.push_back({count_member(norm, "layer"), text_from_json(member(norm, "reason"))});
  certificate.data_rows = count_member(value, "data_rows");
  certificate.test_rows = count_member(value, "test_rows");
  certificate.built_in_rows = count_member(value, "built_in_rows");
  certificate.seed = count_member(value, "seed");
  certificate.tolerance = number_member(value, "tolerance");
  certificate.largest_output = number_member(value, "largest_output");
  certificate.absolute = number_member(value, "absolute");
  certificate.relative = number_member(value, "relative");
  certificate.float_absolute = number_member(value, "float_absolute");
  certificate.argmax_changes = count_member(value, "argmax_changes");
  for (const json& layer : member(value, "layers")) {
    certificate.layers.push_back(
        {count_member(layer, "layer"), number_member(layer, "absolute"), number_member(layer, "relative")});
  }
  return certificate;
}

// The metadata of one file, with errors that name the file and the key.
class Reader {
 public:
  Reader(const Metadata& metadata, const std::string& file_name)
      : metadata_(metadata), file_name_(file_name) {}

  const std::string& text(const std::string& key) const {
    const auto found = metadata_.find(key);
    if (found == metadata_.end()) refuse(fmt::format("metadata '{}' is missing", key));
    return found->second;
  }

  template <class Decode>
  auto decoded(const std::string& key, Decode decode) const {
    const json value = json::parse(text(key), nullptr, false);
    if (value.is_discarded()) refuse(fmt::format("metadata '{}' is not JSON", key));
    try {
      return decode(value);
    } catch (const NotThat& not_that) {
      refuse(fmt::format("metadata '{}' should be {}", key, not_that.expected));
    }
  }

  // Which of two words the key holds.
  bool is_first(const std::string& key, std::string_view first, std::string_view second) const {
    const std::string& word = text(key);
    if (word != first && word != second) {
      refuse(fmt::format("metadata '{}' is '{}', known are {} and {}", key, printable(word), first, second));
    }
    return word == first;
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::data,
                fmt::format("{}: {}; make the model anew with 'ztilde train'", file_name_, what));
  }

  bool has(const std::string& key) const { return metadata_.contains(key); }
  const std::string& file_name() const { return file_name_; }

 private:
  const Metadata& metadata_;
  const std::string& file_name_;
};

void require_known_version(const Reader& reader) {
  const std::string& text = reader.text("format_version");
  int version = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (failure != std::errc() || end != text.data() + text.size() || version < 1) {
    reader.refuse(fmt::format("metadata 'format_version' is '{}', not a version", printable(text)));
  }
  if (version > kFormatVersion) {
    throw Error(ErrorKind::data,
                fmt::format("{}: written by a newer ztilde (format {}, this program reads {}); update ztilde",
                            reader.file_name(), version, kFormatVersion));
  }
}

}  // namespace

std::string to_json(const FoldCertificate& certificate) {
  ordered_json folded = ordered_json::array(), unfolded = folded, layers = folded;
  for (const FoldedNorm& norm : certificate.folded)
    folded.push_back({{"layer", norm.layer}, {"into", norm.into}, {"amplification", norm.amplification}});
  for (const UnfoldedNorm& norm : certificate.unfolded)
    unfolded.push_back({{"layer", norm.layer}, {"reason", norm.reason}});
  for (const LayerDifference& layer : certificate.layers) {
    layers.push_back({{"layer", layer.layer}, {"absolute", layer.absolute}, {"relative", layer.relative}});
  }
  return ordered_json({{"folded", folded},
                       {"unfolded", unfolded},
                       {"data_rows", certificate.data_rows},
                       {"test_rows", certificate.test_rows},
                       {"built_in_rows", certificate.built_in_rows},
                       {"seed", certificate.seed},
                       {"tolerance", certificate.tolerance},
                       {"largest_output", certificate.largest_output},
                       {"absolute", certificate.absolute},
                       {"relative", certificate.relative},
                       {"float_absolute", certificate.float_absolute},
                       {"argmax_changes", certificate.argmax_changes},
                       {"layers", layers}})
      .dump();
}

Metadata to_metadata(const Model& model) {
  ordered_json columns =
      model.column_names.empty() ? ordered_json(model.network.inputs) : texts_to_json(model.column_names);
  for (std::size_t i = 0; i < model.column_info.size(); ++i)
    columns[i] = column_to_json(model.column_info[i]);
  const ordered_json test_rows = {
      {"inputs", to_hex(model.test_inputs.data(), model.test_inputs.size() * sizeof(float))},
      {"outputs", to_hex(model.test_outputs.data(), model.test_outputs.size() * sizeof(float))}};
  Metadata metadata = {
      {"format", "ztilde"},
      {"format_version", std::to_string(kFormatVersion)},
      {"program", "ztilde " ZTILDE_VERSION},
      {"network", ztilde::to_json(model.network)},
      {"conventions", conventions(model.network).dump()},
      {"statistics", model.statistics_source == StatisticsSource::population ? "population" : "running"},
      {"task", model.task == Task::classify ? "classify" : "regress"},
      {"columns", columns.dump()},
      {"target", text_to_json(model.target_name).dump()},
      {"classes", texts_to_json(model.classes).dump()},
      {"training", to_json(model.training).dump()},
      {"test_rows", test_rows.dump()}};
  if (model.image_width > 0) {
    metadata["image"] = ordered_json({{"height", model.image_height},
                                      {"width", model.image_width},
                                      {"channels", image_channels(model)},
                                      {"resized", model.images_resized}})
                            .dump();
  }
  if (model.rules != TableRules{}) metadata["table"] = to_json(model.rules).dump();
  if (model.fold_certificate) metadata["fold"] = to_json(*model.fold_certificate);
  if (model.drift) metadata["monitor"] = to_json(*model.drift);
  return metadata;
}

Model from_metadata(const Metadata& metadata, const std::string& file_name) {
  const Reader reader(metadata, file_name);
  require_known_version(reader);

  Model model;
  model.network = network_from_json(reader.text("network"), file_name + ": metadata 'network'");
  model.statistics_source = reader.is_first("statistics", "population", "running")
                                ? StatisticsSource::population
                                : StatisticsSource::running;
  model.task = reader.is_first("task", "classify", "regress") ? Task::classify : Task::regress;
  reader.decoded("columns", [&](const json& value) {
    if (!value.is_number()) {
      if (!value.is_array() || value.empty()) throw NotThat{"a number or at least one name"};
      for (const json& column : value) model.column_info.push_back(column_from_json(column));
      for (const Column& column : model.column_info) model.column_names.push_back(column.name);
      if (std::ranges::all_of(model.column_info,
                              [](const Column& c) { return c.kind == ColumnKind::numeric; })) {
        model.column_info.clear();
      }
    } else if (value != model.network.inputs) {
      throw NotThat{fmt::format("{}, the network's inputs", model.network.inputs)};
    }
  });
  if (reader.has("image")) reader.decoded("image", [&](const json& value) { image_from_json(value, model); });
  if (reader.has("table")) model.rules = reader.decoded("table", rules_from_json);
  model.target_name = reader.decoded("target", text_from_json);
  model.classes = reader.decoded("classes", texts_from_json);
  model.training = reader.decoded("training", training_from_json);
  if (reader.has("fold")) model.fold_certificate = reader.decoded("fold", certificate_from_json);
  if (reader.has("monitor")) {
    model.drift = drift_from_json(reader.text("monitor"), model.network);
    if (!model.drift) reader.refuse("metadata 'monitor' should be drift thresholds for its network");
  }
  reader.decoded("test_rows", [&](const json& value) {
    model.test_inputs = floats_member(value, "inputs");
    model.test_outputs = floats_member(value, "outputs");
  });
  return model;
}

}  // namespace ztilde::model_file
