#include "training/checkpoint.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <type_traits>

#include "base/files.hpp"
#include "base/text.hpp"
#include "model/checksum.hpp"
#include "model/model_check.hpp"
#include "model/model_metadata.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace checkpoint {
namespace {

using safetensors::Dtype;
using safetensors::Tensor;

constexpr int kVersion = 2;                          // 2: the average of the parameters
constexpr std::string_view kIdentityStart = "run ";  // of the metadata keys that are the identity
constexpr const char* kHistory = "history";

[[noreturn]] void refuse(const std::string& file_name, const std::string& what) {
  throw Error(ErrorKind::data, fmt::format("{}: {}", file_name, what));
}

template <class Number>
constexpr Dtype dtype_of() {
  return std::is_same_v<Number, float>    ? Dtype::f32
         : std::is_same_v<Number, double> ? Dtype::f64
                                          : Dtype::i64;
}

// Every array of numbers of a run, by name.
template <class Visit>
void for_each_number(Trainer& trainer, TrainState& state, Visit&& visit) {
  trainer.for_each_number(visit);
  state.for_each_number(visit);
}

// A point as numbers, an optional one as two: whether it is there, and what it is.
struct Flatten {
  std::vector<double>& numbers;
  void operator()(const std::optional<double>& member) const {
    numbers.push_back(member ? 1 : 0);
    numbers.push_back(member.value_or(0));
  }
  template <class Number>
  void operator()(const Number& member) const {
    numbers.push_back(static_cast<double>(member));
  }
};

struct Unflatten {
  const double*& next;
  void operator()(std::optional<double>& member) const {
    member = next[0] == 0 ? std::nullopt : std::optional(next[1]);
    next += 2;
  }
  void operator()(double& member) const { member = *next++; }
  // A truth value or a count, of which a file may say anything.
  template <class Count>
  void operator()(Count& member) const {
    constexpr double kMost = 1LL << std::numeric_limits<double>::digits;
    const double number = *next++;
    member = number >= 0 && number <= kMost ? static_cast<Count>(number) : Count{};
  }
};

std::size_t numbers_of_a_point() {
  std::vector<double> numbers;
  const HistoryPoint point;
  for_each_member(point, Flatten{numbers});
  return numbers.size();
}

// The file's parts, once it is known to be an undamaged checkpoint of a version we read.
safetensors::File parse(std::string_view content, const std::string& file_name) {
  if (!safetensors::looks_like_one(content)) {
    refuse(file_name,
           fmt::format("not a checkpoint ({}); name one that 'ztilde train --checkpoint' wrote",
                       content.empty() ? "it is empty" : "it does not begin like a safetensors file"));
  }
  safetensors::File file = safetensors::read(content, file_name);
  require_undamaged(content, file, file_name);
  const auto text = [&](const char* key) {
    const auto found = file.metadata.find(key);
    return found == file.metadata.end() ? std::string() : found->second;
  };
  const std::string format = text("format");
  if (format != model_file::kCheckpointFormat) {
    refuse(file_name, fmt::format("not a checkpoint ({}); name one that 'ztilde train --checkpoint' wrote",
                                  format == "ztilde" ? "it is a model" : "its metadata are not ztilde's"));
  }
  const std::string version_text = text("format_version");
  int version = 0;
  std::from_chars(version_text.data(), version_text.data() + version_text.size(), version);
  if (version != kVersion) {
    refuse(file_name, fmt::format("a checkpoint of format '{}', and this program reads {}; go on with the "
                                  "program that wrote it",
                                  printable(version_text), kVersion));
  }
  require_checksum(file, file_name);
  return file;
}

class Tensors {
 public:
  Tensors(const safetensors::File& file, const std::string& file_name) : file_name_(file_name) {
    for (const Tensor& tensor : file.tensors) by_name_.emplace(tensor.name, &tensor);
  }
  const Tensor& get(const std::string& name, Dtype dtype) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end() || found->second->dtype != dtype) {
      refuse(file_name_,
             fmt::format("'{}' is missing or of another kind of number; begin the run anew", name));
    }
    return *found->second;
  }
  std::uint64_t count(const std::string& name) const {
    const Tensor& tensor = get(name, Dtype::i64);
    std::uint64_t number = 0;
    if (tensor.bytes.size() != sizeof number)
      refuse(file_name_, name + " is not one number; begin the run anew");
    std::memcpy(&number, tensor.bytes.data(), sizeof number);
    return number;
  }

 private:
  const std::string& file_name_;
  std::map<std::string, const Tensor*> by_name_;
};

}  // namespace

safetensors::Pieces to_pieces(const Owner& owner, Trainer& trainer, TrainState& state,
                              std::vector<double>& history) {
  safetensors::File file;
  file.metadata = {{"format", std::string(model_file::kCheckpointFormat)},
                   {"format_version", std::to_string(kVersion)},
                   {"program", "ztilde " ZTILDE_VERSION},
                   {"note", owner.note}};
  for (const auto& [name, text] : owner.identity) file.metadata[std::string(kIdentityStart) + name] = text;
  for_each_number(trainer, state, [&]<class Number>(const char* name, std::span<Number> numbers) {
    file.tensors.push_back({name,
                            dtype_of<Number>(),
                            {numbers.size()},
                            {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()}});
  });
  history.clear();
  for (const HistoryPoint& point : state.history) for_each_member(point, Flatten{history});
  file.tensors.push_back({kHistory,
                          Dtype::f64,
                          {state.history.size(), numbers_of_a_point()},
                          {reinterpret_cast<const char*>(history.data()), history.size() * sizeof(double)}});
  return pieces_with_checksum(std::move(file));
}

void from_bytes(std::string_view content, const std::string& file_name, const RunIdentity& identity,
                const Length& run, Trainer& trainer, TrainState& state) {
  const safetensors::File file = parse(content, file_name);
  std::map<std::string, std::string> then;
  for (const auto& [key, text] : file.metadata) {
    if (key.starts_with(kIdentityStart)) then.emplace(key.substr(kIdentityStart.size()), text);
  }
  const std::string difference = differences(then, identity);
  if (!difference.empty()) {
    refuse(file_name, fmt::format("the checkpoint is of another run: {}; give what that was begun with, or "
                                  "another --checkpoint",
                                  difference));
  }

  const Tensors tensors(file, file_name);
  for_each_number(trainer, state, [&]<class Number>(const char* name, std::span<Number> numbers) {
    const Tensor& tensor = tensors.get(name, dtype_of<Number>());
    if (tensor.bytes.size() != numbers.size_bytes()) {
      refuse(file_name, fmt::format("'{}' has {}, the run asks for {}; begin the run anew", name,
                                    counted(tensor.bytes.size(), "byte"), numbers.size_bytes()));
    }
    if (!numbers.empty()) std::memcpy(numbers.data(), tensor.bytes.data(), numbers.size_bytes());
  });
  const std::size_t width = numbers_of_a_point();
  const Tensor& history = tensors.get(kHistory, Dtype::f64);
  if (history.shape != std::vector<std::size_t>{static_cast<std::size_t>(state.epoch), width}) {
    refuse(file_name, "its history is not that of its epochs; begin the run anew");
  }
  std::vector<double> numbers(history.bytes.size() / sizeof(double));
  if (!numbers.empty()) std::memcpy(numbers.data(), history.bytes.data(), history.bytes.size());
  const double* next = numbers.data();
  state.history.resize(history.shape[0]);
  for (HistoryPoint& point : state.history) for_each_member(point, Unflatten{next});
  if (state.epoch > run.epochs || state.batch >= run.batches || state.best_epoch > state.epoch ||
      trainer.steps() != state.epoch * run.batches + state.batch) {
    refuse(file_name, "its counts of epochs and steps contradict each other; begin the run anew");
  }
  try {
    model_file::check_model(trainer.model);
    if (state.best_epoch > 0) model_file::check_model(state.best);
  } catch (const Error& error) {
    refuse(file_name, error.what());
  }
}

}  // namespace checkpoint

std::optional<CheckpointInfo> read_checkpoint_info(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  const std::string content = read_file(path), name = shown_path(path);
  const safetensors::File file = checkpoint::parse(content, name);
  const checkpoint::Tensors tensors(file, name);
  CheckpointInfo info;
  info.steps = tensors.count("steps");
  info.epochs = tensors.count("epoch");
  const auto note = file.metadata.find("note");
  if (note != file.metadata.end()) info.note = note->second;
  return info;
}

}  // namespace ztilde
