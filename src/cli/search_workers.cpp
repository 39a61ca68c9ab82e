#include "cli/search_workers.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "search/study_contents.hpp"

namespace ztilde::cli {
namespace {

constexpr int kNotStarted = 127;

// In the new process: only what is allowed there after a fork of a process with threads.
[[noreturn]] void become_worker(char* const* arguments, pid_t parent, int errors) {
  // Ends with its parent, however that ends; the checkpoint of its last epoch stays.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(0);
  // Ctrl-C reaches all processes of a terminal; only the parent answers, and asks by SIGTERM.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::execv("/proc/self/exe", arguments);
  ::_exit(kNotStarted);
}

std::string all_of(int descriptor) {
  std::string text;
  char part[512];
  for (ssize_t count = 0; (count = ::read(descriptor, part, sizeof part)) != 0;) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    text.append(part, static_cast<std::size_t>(count));
  }
  return text;
}

// The last line that an error is told in, without its mark.
std::string error_words(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  constexpr std::string_view kMark = "error: ";
  const std::size_t line = text.rfind('\n');
  text.erase(0, line == text.npos ? 0 : line + 1);
  if (text.starts_with(kMark)) text.erase(0, kMark.size());
  return text;
}

pid_t wait_for(pid_t process, int& status, int how) {
  pid_t ended = 0;
  while ((ended = ::waitpid(process, &status, how)) < 0 && errno == EINTR) continue;
  return ended;
}

}  // namespace

SearchWorkers::SearchWorkers(std::vector<std::string> arguments, std::size_t count)
    : arguments_(std::move(arguments)),
      // A trial that kills its worker is given up by then, whichever workers have one.
      most_deaths_((search::kMostDeaths + 1) * count) {
  arguments_.insert(arguments_.begin(), {"ztilde", "search"});
  for (std::size_t i = 0; i < count; ++i) processes_.push_back(start());
}

SearchWorkers::~SearchWorkers() {
  stop();
  for (const Process& process : processes_) {
    int status = 0;
    (void)wait_for(process.id, status, 0);
    ::close(process.errors);
  }
}

SearchWorkers::Process SearchWorkers::start() {
  std::vector<char*> texts;
  for (std::string& argument : arguments_) texts.push_back(argument.data());
  texts.push_back(nullptr);
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0)
    throw Error(ErrorKind::io,
                fmt::format("a worker cannot be started ({}); give fewer --workers", std::strerror(errno)));
  const pid_t parent = ::getpid();
  const pid_t id = ::fork();
  if (id == 0) become_worker(texts.data(), parent, pipe[1]);
  const int problem = errno;
  ::close(pipe[1]);
  if (id > 0) return {id, pipe[0]};
  ::close(pipe[0]);
  throw Error(ErrorKind::io,
              fmt::format("a worker cannot be started ({}); give fewer --workers", std::strerror(problem)));
}

bool SearchWorkers::any_runs() {
  for (std::size_t i = 0; i < processes_.size();) {
    int status = 0;
    const Process process = processes_[i];
    if (wait_for(process.id, status, WNOHANG) == 0) {
      ++i;
      continue;
    }
    processes_.erase(processes_.begin() + static_cast<std::ptrdiff_t>(i));
    take_end(process, status);
    ::close(process.errors);
  }
  return !processes_.empty();
}

void SearchWorkers::take_end(Process process, int status) {
  if (WIFSIGNALED(status)) return die(WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  if (code == 0) return;
  if (code == 128 + SIGTERM || code == 128 + SIGINT) return die(code - 128);
  const std::string words = error_words(all_of(process.errors));
  if (code == kNotStarted || words.empty())
    return give_up(ErrorKind::io,
                   fmt::format("a worker ended with exit code {}; start the search again", code));
  give_up(code == 1 ? ErrorKind::io : code == 3 ? ErrorKind::diverged : ErrorKind::data, words);
}

void SearchWorkers::die(int signal) {
  if (stopping_) return;
  if (++deaths_ > most_deaths_)
    return give_up(
        ErrorKind::io,
        fmt::format("workers are killed one after another, the last one by signal {}; if they need "
                    "more memory than there is, give fewer --workers",
                    signal));
  replaced_ = signal;
  processes_.push_back(start());
}

void SearchWorkers::give_up(ErrorKind kind, const std::string& words) {
  if (!failure_) failure_.emplace(kind, words);
  stop();
}

void SearchWorkers::stop() {
  if (std::exchange(stopping_, true)) return;
  for (const Process& process : processes_) ::kill(process.id, SIGTERM);
}

int SearchWorkers::replaced() { return std::exchange(replaced_, 0); }

}  // namespace ztilde::cli
