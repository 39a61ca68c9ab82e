#include "lab/context.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/held_back_signals.hpp"
#include "base/team.hpp"

namespace ztilde::lab {

struct Context::State {
  std::mutex mutex;
  double done = 0;
  std::atomic<bool> failed{false};  // a trial threw, the others need not go on
};

Context::Context(const Data& data_, ContextOptions options)
    : data(data_),
      quick(options.quick),
      seed(options.seed),
      threads(options.threads == 0 ? available_cores() : options.threads),
      options_(std::move(options)),
      state_(std::make_shared<State>()) {}

void Trial::tell(double done) {
  const double more = std::clamp(done, told_, 1.0) - told_;
  told_ += more;
  context_.advance(more * share_);
}

void Context::advance(double share) {
  if (state_->failed || (options_.should_stop && options_.should_stop())) throw Stopped{};
  const std::scoped_lock lock(state_->mutex);
  state_->done = std::min(1.0, state_->done + share);
  if (options_.on_done) options_.on_done(state_->done);
}

void Context::parallel(double share, std::size_t trials, const std::function<void(Trial&)>& run) {
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> problems(trials);
  const auto work = [&] {
    for (std::size_t i = next++; i < trials; i = next++) {
      if (state_->failed) return;
      Trial trial(i, *this, share / static_cast<double>(trials));
      try {
        trial.tell(0);
        run(trial);
        trial.tell(1);
      } catch (...) {
        problems[i] = std::current_exception();
        state_->failed = true;
      }
    }
  };
  std::vector<std::jthread> helpers;
  {
    const HeldBackSignals held_back;
    for (std::size_t i = 1; i < std::min(threads, trials); ++i) helpers.emplace_back(work);
  }
  work();
  helpers.clear();
  if (!state_->failed.exchange(false)) return;
  // A trial that was told to stop because another one failed is not the news.
  const auto is_news = [](const std::exception_ptr& problem) {
    try {
      if (problem) std::rethrow_exception(problem);
    } catch (const Stopped&) {
      return false;
    } catch (...) {
      return true;
    }
    return false;
  };
  const auto first = std::ranges::find_if(problems, is_news);
  if (first != problems.end()) std::rethrow_exception(*first);
  throw Stopped{};
}

}  // namespace ztilde::lab
