// Several processes on one study, and what is left when they are killed.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>

#include "search/study_test_support.hpp"

namespace ztilde::search {
namespace {

// A process that claims a trial, says so, and does nothing more.
class Sitter {
 public:
  explicit Sitter(const std::string& path) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe(pipe.data()), 0);
    process_ = start_process([&] {
      Study study = Study::open(path);
      const auto number = static_cast<char>(study.claim("child:1").trial.value().number);
      if (::write(pipe[1], &number, 1) != 1) ::_exit(2);
      for (;;) ::pause();
    });
    ::close(pipe[1]);
    char number = 0;
    EXPECT_EQ(::read(pipe[0], &number, 1), 1);
    trial_ = static_cast<std::size_t>(number);
    ::close(pipe[0]);
  }
  ~Sitter() {
    if (process_ > 0) kill();
  }
  std::size_t trial() const { return trial_; }
  void stop() const { ::kill(process_, SIGSTOP); }
  void kill() {
    ::kill(process_, SIGKILL);
    EXPECT_EQ(end_of(process_), -SIGKILL);
    process_ = 0;
  }

 private:
  pid_t process_ = 0;
  std::size_t trial_ = 0;
};

TEST(StudyProcesses, a_killed_workers_trial_is_taken_up_again_and_a_stopped_ones_is_not) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.study";
  (void)Study::create(path, some_plan(), 9);
  Sitter sitter(path);
  EXPECT_EQ(sitter.trial(), 0u);
  Study study = Study::open(path);
  EXPECT_EQ(study.claim("here:1").trial.value().number, 1u);
  sitter.stop();
  EXPECT_EQ(study.claim("here:1").trial.value().number, 2u);
  sitter.kill();
  EXPECT_EQ(study.claim("here:1").trial.value().number, 0u);
  EXPECT_EQ(study.contents().trials[0].worker, "here:1");
}

TEST(StudyProcesses, a_trial_that_its_workers_die_of_is_given_up_unless_it_comes_further) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.study";
  Study study = Study::create(path, some_plan(), 2);
  EXPECT_EQ(study.claim("here:1").trial.value().number, 0u);
  const auto die = [&] { EXPECT_EQ(Sitter(path).trial(), 1u); };
  die();
  die();
  {
    Study other = Study::open(path);
    EXPECT_EQ(other.claim("here:2").trial.value().deaths, 2u);
    other.add_point(1, point_at(1, 0.5));  // further than any before
  }
  for (std::size_t death = 0; death < kMostDeaths; ++death) {
    EXPECT_EQ(read_study(path).trials[1].deaths, death == 0 ? 0 : death - 1);
    die();
  }
  EXPECT_FALSE(study.claim("here:1").trial);
  const Trial trial = study.contents().trials[1];
  EXPECT_EQ(trial.state, TrialState::diverged);
  EXPECT_EQ(trial.message,
            "3 workers that ran it were killed, one after another; it may need more memory than there is");
  EXPECT_GT(trial.ended, 0);
}

TEST(StudyProcesses, claims_of_many_processes_never_give_a_trial_twice) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.study";
  constexpr int kProcesses = 6, kClaims = 12;
  (void)Study::create(path, some_plan(), 0);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  std::vector<pid_t> processes;
  for (int p = 0; p < kProcesses; ++p) {
    processes.push_back(start_process([&] {
      Study study = Study::open(path);
      for (int i = 0; i < kClaims; ++i) {
        const auto number = static_cast<char>(study.claim("child:1").trial.value().number);
        if (::write(pipe[1], &number, 1) != 1) ::_exit(2);
      }
      ::close(pipe[1]);
      // Keeps what it has until all have claimed.
      for (;;) ::pause();
    }));
  }
  ::close(pipe[1]);
  std::set<int> seen;
  char number = 0;
  while (::read(pipe[0], &number, 1) == 1) EXPECT_TRUE(seen.insert(number).second) << int{number};
  ::close(pipe[0]);
  EXPECT_EQ(seen.size(), std::size_t{kProcesses * kClaims});
  for (const pid_t process : processes) {
    ::kill(process, SIGKILL);
    (void)end_of(process);
  }
}

TEST(StudyProcesses, create_by_many_at_once_gives_one_study) {
  const TemporaryFolder folder;
  std::vector<pid_t> processes;
  for (std::size_t p = 1; p <= 6; ++p)
    processes.push_back(start_process([&] {
      const std::string words =
          failure(folder, [&] { (void)Study::create(folder / "a.study", some_plan(), p); });
      ::_exit(words == "no error" ? 0 : words.starts_with("data: a.study: ") ? 7 : 1);
    }));
  std::map<int, int> ends;
  for (const pid_t process : processes) ++ends[end_of(process)];
  EXPECT_EQ(ends, (std::map<int, int>{{0, 1}, {7, 5}}));
  EXPECT_EQ(folder.files(), 1u);
  EXPECT_GT(read_study(folder / "a.study").trials_asked, 0u);
}

TEST(StudyProcesses, any_number_of_workers_comes_to_the_same_study) {
  const TemporaryFolder folder;
  const StudyContents one = unbroken(folder, some_plan(), 12);
  EXPECT_EQ(one.trials.size(), 12u);
  for (const std::size_t workers : {2u, 4u}) {
    const std::string path = folder / fmt::format("{}.study", workers);
    (void)Study::create(path, some_plan(), 12);
    std::vector<pid_t> processes;
    for (std::size_t w = 0; w < workers; ++w) processes.push_back(start_worker(path));
    for (const pid_t process : processes) EXPECT_EQ(end_of(process), 0);
    EXPECT_TRUE(same_results(read_study(path), one)) << workers;
  }
}

// Kills come at any moment; count_epochs ends a worker with 1 where two have one trial.
TEST(StudyProcesses, fifty_kills_lose_no_finished_trial_and_change_no_result) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.study";
  StudyPlan plan = some_plan();
  plan.most_deaths = 1000;  // by chance one trial has several before its first point
  (void)Study::create(path, plan, 0);
  const RandomStream random(4, Purpose::probe, 0, 0);
  std::vector<pid_t> workers;
  for (int w = 0; w < 3; ++w) workers.push_back(start_worker(path));
  StudyContents before = read_study(path);
  for (std::uint64_t kill = 0; kill < 50; ++kill) {
    ::usleep(random.below(12'000, 2 * kill));
    pid_t& victim = workers[random.below(3, 2 * kill + 1)];
    ::kill(victim, SIGKILL);
    ASSERT_EQ(end_of(victim), -SIGKILL) << "it ended by itself";
    victim = start_worker(path);
    StudyContents now = read_study(path);
    for (std::size_t t = 0; t < before.trials.size(); ++t) {
      if (before.trials[t].state != TrialState::finished) continue;
      ASSERT_EQ(now.trials[t].state, TrialState::finished);
      ASSERT_EQ(now.trials[t].curve.size(), before.plan.epochs);
    }
    before = std::move(now);
  }
  {
    Study study = Study::open(path);
    study.ask_for(1);  // no more than there are
  }
  for (const pid_t worker : workers) EXPECT_EQ(end_of(worker), 0);
  const StudyContents study = read_study(path);
  EXPECT_GT(study.trials.size(), 5u);
  EXPECT_TRUE(same_results(study, [&] {
    StudyContents other = unbroken(folder, plan, study.trials.size());
    return other;
  }()));
}

TEST(StudyProcesses, kills_while_trials_are_stopped_early_leave_a_study_that_comes_to_its_end) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.study";
  StudyPlan plan = some_plan({1, 3});
  plan.most_deaths = 1000;
  (void)Study::create(path, plan, 40);
  const RandomStream random(5, Purpose::probe, 0, 0);
  for (std::uint64_t kill = 0; kill < 10; ++kill) {
    const pid_t worker = start_worker(path);
    ::usleep(random.below(12'000, kill));
    ::kill(worker, SIGKILL);
    (void)end_of(worker);
  }
  EXPECT_EQ(end_of(start_worker(path)), 0);
  const StudyContents study = read_study(path);
  ASSERT_EQ(study.trials.size(), 40u);
  std::size_t finished = 0;
  for (const Trial& trial : study.trials) {
    EXPECT_TRUE(trial.state == TrialState::paused || trial.state == TrialState::finished) << trial.number;
    EXPECT_EQ(trial.curve.size(), trial.until_epoch) << trial.number;
    finished += trial.state == TrialState::finished;
  }
  EXPECT_GE(finished, 4u);  // floor(floor(40 / 3) / 3), more where some were overtaken
  EXPECT_LT(finished, 20u);
  EXPECT_FALSE(promotable(study));
}

}  // namespace
}  // namespace ztilde::search
