#include "search/rank_desk.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "search/plan_json.hpp"
#include "search/study.hpp"
#include "ztilde/error.hpp"

// A question and its answer are JSON as CBOR, which has every double and bytes as they are.

namespace ztilde::search {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr int kTag = 100;                                   // of sizes; the next is that of what they are of
constexpr std::uint64_t kLargest = std::uint64_t{1} << 36;  // a checkpoint is within

std::string text_of(const Json& json) {
  std::string text;
  Json::to_cbor(json, text);
  return text;
}
Json json_of(const std::string& text) { return Json::from_cbor(text); }

std::optional<double> number_of(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<double>());
}
Json json_of(const std::optional<double>& number) { return number ? Json(*number) : Json(); }

Json json_of(const TrialPoint& point) {
  return {{"epoch", point.epoch},
          {"train_loss", point.train_loss},
          {"valid_loss", point.valid_loss},
          {"valid_accuracy", json_of(point.valid_accuracy)},
          {"valid_rmse", json_of(point.valid_rmse)},
          {"seconds", point.seconds}};
}
TrialPoint point_of(const Json& json) {
  return {json["epoch"],
          json["train_loss"],
          json["valid_loss"],
          number_of(json["valid_accuracy"]),
          number_of(json["valid_rmse"]),
          json["seconds"]};
}

// What a worker has to know of a trial.
Json json_of(const Trial& trial) {
  Json curve = Json::array();
  for (const TrialPoint& point : trial.curve) curve.push_back(json_of(point));
  return {{"number", trial.number},
          {"options", options_text(trial.options)},
          {"seed", trial.seed},
          {"until_epoch", trial.until_epoch},
          {"curve", curve}};
}
Trial trial_of(const Json& json) {
  Trial trial;
  trial.number = json["number"];
  trial.options = parse_options(json["options"].get<std::string>());
  trial.seed = json["seed"];
  trial.until_epoch = json["until_epoch"];
  trial.state = TrialState::running;
  for (const Json& point : json["curve"]) trial.curve.push_back(point_of(point));
  return trial;
}

// A file's bytes; nothing where there is none.
Json bytes_of(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return {};
  const std::string bytes = read_file(path);
  return Json::binary({bytes.begin(), bytes.end()});
}
void write_bytes(const std::string& path, const Json& bytes) {
  if (bytes.is_null()) return;
  const auto& binary = bytes.get_binary();
  write_file_atomically(path, std::string(binary.begin(), binary.end()));
}

// What rank 0 does for a question of a worker, by its study.
Json answer_to(Study& study, const Json& question) {
  const std::string what = question["what"];
  if (what == "claim") {
    const Claim claim = study.claim(question["worker"], question["may_begin"]);
    if (!claim.trial) return {{"done", claim.done}};
    return {{"trial", json_of(*claim.trial)},
            {"checkpoint", bytes_of(study.checkpoint_path(claim.trial->number))}};
  }
  const std::size_t trial = question["trial"];
  const std::string checkpoint = study.checkpoint_path(trial);
  if (what == "point") {
    study.add_point(trial, point_of(question["point"]));
    return Json::object();
  }
  // Before anybody else can claim it.
  write_bytes(checkpoint, question["checkpoint"]);
  if (what == "pause") {
    study.pause_at_rung(trial);
  } else if (what == "release") {
    study.release(trial);
  } else {
    if (what == "finish") study.finish(trial);
    if (what == "fail") study.fail(trial, question["message"]);
    std::error_code ignored;
    fs::remove(checkpoint, ignored);
  }
  return Json::object();
}

Json safe_answer_to(Study& study, const Json& question) {
  try {
    return answer_to(study, question);
  } catch (const Error& error) {
    return {{"error", error.what()}, {"kind", static_cast<int>(error.kind())}};
  }
}

}  // namespace

struct RankDesk::Question {
  Json question, answer = {};
};

RankDesk::RankDesk(Transport& transport, StudyPlan plan)
    : plan_(std::move(plan)),
      texts_(transport, kTag, kLargest, [] { return false; }),
      folder_((fs::temp_directory_path() / fmt::format("ztilde-search-{}-{}", ::getpid(), transport.rank()))
                  .string()) {
  std::error_code failure;
  fs::create_directories(folder_, failure);
  if (failure)
    throw Error(ErrorKind::io, fmt::format("{}: cannot be made ({}); set TMPDIR to a folder for checkpoints",
                                           shown_path(folder_), failure.message()));
}

RankDesk::~RankDesk() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void RankDesk::ask(Question& question) {
  texts_.send(0, text_of(question.question));
  question.answer = json_of(texts_.receive(0));
  stopped_ = question.answer.value("stop", false);
  if (question.answer.contains("error"))
    throw Error(static_cast<ErrorKind>(question.answer["kind"].get<int>()), question.answer["error"]);
}

Claim RankDesk::claim(const std::string& worker, bool may_begin) {
  Question question{{{"what", "claim"}, {"worker", worker}, {"may_begin", may_begin}}};
  ask(question);
  Claim claim;
  claim.done = question.answer.value("done", false);
  if (question.answer.contains("trial")) {
    claim.trial = trial_of(question.answer["trial"]);
    write_bytes(checkpoint_path(claim.trial->number), question.answer["checkpoint"]);
  }
  return claim;
}

void RankDesk::add_point(std::size_t trial, const TrialPoint& point) {
  Question question{{{"what", "point"}, {"trial", trial}, {"point", json_of(point)}}};
  ask(question);
}

void RankDesk::end(std::size_t trial, const char* how, const std::string& message, bool keeps_checkpoint) {
  Question question{{{"what", how},
                     {"trial", trial},
                     {"message", message},
                     {"checkpoint", keeps_checkpoint ? bytes_of(checkpoint_path(trial)) : Json()}}};
  ask(question);
  std::error_code ignored;
  fs::remove(checkpoint_path(trial), ignored);
}

void RankDesk::pause_at_rung(std::size_t trial) { end(trial, "pause", "", true); }
void RankDesk::finish(std::size_t trial) { end(trial, "finish", "", false); }
void RankDesk::fail(std::size_t trial, const std::string& message) { end(trial, "fail", message, false); }
void RankDesk::release(std::size_t trial) { end(trial, "release", "", true); }

std::string RankDesk::checkpoint_path(std::size_t trial) const {
  return fmt::format("{}/trial-{}.checkpoint", folder_, trial);
}

void RankDesk::leave() {
  Question question{{{"what", "leave"}}};
  ask(question);
}

// One rank: its question on the way in, or the answer to it on the way out.
struct DeskServer::Client {
  Client(Transport& transport_, std::size_t rank_, const std::string& path)
      : transport(transport_), rank(rank_), study(Study::open(path)) {
    listen();
  }

  void listen() {
    state = State::size;
    first = transport.receive(rank, kTag, std::as_writable_bytes(std::span(&size, 1)));
  }
  // As far as it goes without waiting; false: nothing happened.
  bool go_on(bool stop) {
    if (state == State::left) return false;
    if (state == State::answering) {
      if (first && transport.done(*first)) first.reset();
      if (second && transport.done(*second)) second.reset();
      if (first || second) return false;
      if (leaves) {
        state = State::left;
      } else {
        listen();
      }
      return true;
    }
    if (!transport.done(*first)) return false;
    if (state == State::size) {
      if (size > kLargest)
        throw Error(ErrorKind::data, transport.name(rank) + " is another program; start the same on all");
      text.resize(size);
      state = State::body;
      first = transport.receive(rank, kTag + 1, std::as_writable_bytes(std::span(text)));
      return true;
    }
    const Json question = json_of(text);
    leaves = question["what"] == "leave";
    Json answer = leaves ? Json::object() : safe_answer_to(study, question);
    answer["stop"] = stop;
    text = text_of(answer);
    size = text.size();
    state = State::answering;
    first = transport.send(rank, kTag, std::as_bytes(std::span(&size, 1)));
    second = transport.send(rank, kTag + 1, std::as_bytes(std::span(text)));
    return true;
  }

  enum class State { size, body, answering, left };
  Transport& transport;
  std::size_t rank;
  Study study;
  State state = State::size;
  std::uint64_t size = 0;
  std::string text;
  std::optional<Transport::Ticket> first, second;
  bool leaves = false;
};

DeskServer::DeskServer(Transport& transport, const std::string& path) : transport_(transport) {
  for (std::size_t rank = 1; rank < transport_.count(); ++rank)
    clients_.push_back(std::make_unique<Client>(transport_, rank, path));
}

DeskServer::~DeskServer() = default;

void DeskServer::answer(bool stop) {
  for (const auto& client : clients_) {
    while (client->go_on(stop)) {
    }
  }
}

bool DeskServer::is_done() const {
  for (const auto& client : clients_)
    if (client->state != Client::State::left) return false;
  return true;
}

}  // namespace ztilde::search
