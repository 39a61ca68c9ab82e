#include "cli/outputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/files.hpp"
#include "base/fingerprint.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

// Which file it is, whatever it is called from where; of ASCII, as names need not be.
std::string mark(const char* option, const std::string& path) {
  std::error_code ignored;
  Fingerprint place;
  place.add(std::filesystem::weakly_canonical(std::filesystem::absolute(path, ignored), ignored).string());
  return fmt::format("{}={:016x}", option, place.value());
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

std::string quoted(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./,:+@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == text.npos) return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

}  // namespace

Outputs::Outputs(const TrainArguments& arguments) {
  const CheckpointOptions& checkpoint = arguments.training.checkpoint;
  const std::string out = mark("out", arguments.out), log = mark("log", arguments.log);
  const std::string report = mark("report", arguments.report);
  note_ = out + " " + log + " " + report;
  if (!checkpoint.path.empty()) {
    require_writable(checkpoint.path, true);
    if (checkpoint.resume) resumed_ = read_checkpoint_info(checkpoint.path);
  }
  if (exists(checkpoint.path) && !checkpoint.resume && !arguments.force) {
    throw Error(ErrorKind::data,
                fmt::format("{}: exists already; go on from it with --resume, or overwrite it with --force",
                            shown_path(checkpoint.path)));
  }
  const auto is_ours = [&](const std::string& which) {
    return resumed_ && resumed_->note.find(which) != std::string::npos;
  };
  continues_log_ = !arguments.log.empty() && is_ours(log) && exists(arguments.log);
  if (!arguments.out.empty()) locks_.emplace_back(arguments.out, arguments.force || is_ours(out));
  if (!arguments.log.empty()) locks_.emplace_back(arguments.log, arguments.force || is_ours(log));
  if (!arguments.report.empty()) locks_.emplace_back(arguments.report, arguments.force || is_ours(report));
}

std::string shell_command(const std::string& verb, const std::vector<std::string>& arguments) {
  std::string command = "ztilde " + verb;
  for (const std::string& argument : arguments) command += " " + quoted(argument);
  return command;
}

std::string resume_command(const std::vector<std::string>& arguments, const TrainArguments& parsed) {
  const std::string command = shell_command("train", arguments);
  return parsed.training.checkpoint.resume ? command : command + " --resume";
}

}  // namespace ztilde::cli
