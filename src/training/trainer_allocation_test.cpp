// A training step allocates nothing: every way to memory that our code has is counted.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>

#include "base/random.hpp"
#include "training/initialise.hpp"
#include "training/trainer.hpp"

// A sanitiser's own operator new tells it what is whose; it is left in place.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ZTILDE_COUNTS_ALLOCATIONS 0
#else
#define ZTILDE_COUNTS_ALLOCATIONS 1
#endif

namespace {

std::atomic<bool> counting{false};
std::atomic<int> allocations{0};

#if ZTILDE_COUNTS_ALLOCATIONS
// oneDNN makes a small table of arguments in every call, by the same operator new; it has no way to
// be asked not to. Its calls come from its own library, ours from this program.
void count(const void* caller) {
  if (!counting) return;
  Dl_info place{};
  const bool known = ::dladdr(caller, &place) != 0 && place.dli_fname != nullptr;
  if (!known || std::strstr(place.dli_fname, "libdnnl") == nullptr) ++allocations;
}

void* checked(void* memory) { return memory != nullptr ? memory : throw std::bad_alloc(); }
#endif

}  // namespace

#if ZTILDE_COUNTS_ALLOCATIONS
// Not inlined, so that the return address is the caller's.
[[gnu::noinline]] void* operator new(std::size_t size) {
  count(__builtin_return_address(0));
  return checked(std::malloc(size));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  count(__builtin_return_address(0));
  void* memory = nullptr;
  return ::posix_memalign(&memory, static_cast<std::size_t>(alignment), size) == 0 ? memory
                                                                                   : checked(nullptr);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
// What AlignedBuffer calls.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  count(__builtin_return_address(0));
  void* memory = nullptr;
  return ::posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}
#endif

namespace ztilde {
namespace {

struct Case {
  Network network;
  OptimiserOptions optimiser;
  bool weighted = false;
};

std::vector<Case> cases() {
  const Dense hidden{33, false}, last{3};
  const BatchNorm unbiased{1e-5, 0.9, VarianceKind::unbiased};
  const EncodedColumn mapped{Encoding::numeric, 0, 0, MissingValue::indicator, 9};
  const EncodedColumn one_hot{Encoding::one_hot, 4, 0, MissingValue::none, 0};
  const EncodedColumn table{Encoding::embedding, 3, 20, MissingValue::none, 0};
  const Encode encode{{table, mapped, one_hot, table, EncodedColumn{}}};
  return {{{5,
            {Standardise{}, hidden, BatchNorm{}, Activation{}, Dropout{0.2}, hidden, unbiased, Activation{},
             last}},
           {.kind = OptimizerKind::adamw, .weight_decay = 0.01, .clip_norm = 1, .average = 0.9}},
          {{5, {hidden, Activation{ActivationKind::gelu}, BatchNorm{}, BatchNorm{}, last, BatchNorm{}}},
           {.kind = OptimizerKind::nesterov}},
          {{5, {last}}, {.kind = OptimizerKind::sgd}},
          {{5, {encode, Standardise{}, hidden, BatchNorm{}, Activation{}, last}},
           {.kind = OptimizerKind::adamw},
           true},
          {{6 * 6 * 2,
            {Standardise{},
             Conv2d{8},
             BatchNorm{},
             Activation{},
             Conv2d{8, 3, 2, 1, false, false},
             BatchNorm{},
             Activation{},
             Shortcut{4},
             Conv2d{8, 1, 2, 0},
             BatchNorm{},
             Add{3},
             Activation{},
             MaxPool{},
             Flatten{},
             hidden,
             BatchNorm{},
             Activation{},
             Dense{33, false},
             Add{2},
             last},
            6,
            6},
           {.kind = OptimizerKind::momentum}}};
}

int allocations_in_steps(const Case& run, std::size_t threads) {
  constexpr std::size_t kRows = 200, kSteps = 8;
  const RandomStream stream(1, Purpose::initialise, 0, 0);
  std::vector<float> inputs(kRows * run.network.inputs), targets(kRows);
  for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = static_cast<float>(stream.normal(i));
  for (std::size_t r = 0; r < kRows; ++r) targets[r] = static_cast<float>(r % 3);
  std::vector<std::uint32_t> rows(kRows);
  std::iota(rows.begin(), rows.end(), 0u);

  Model model;
  model.network = run.network;
  model.parameters.resize(parameter_arena_size(run.network));
  model.statistics.resize(statistic_arena_size(run.network));
  model.statistic_batches.resize(statistic_slots(run.network).size());
  initialise_parameters(run.network, {}, 0, model.parameters);
  initialise_statistics(run.network, model.statistics);
  std::vector<float> weights(kRows);
  for (std::size_t r = 0; r < kRows; ++r) weights[r] = static_cast<float>(1 + r % 3);
  Batcher batcher({nullptr, inputs.data(), run.network.inputs}, targets.data(), rows,
                  plan_batches(kRows, 80, 2), 0, run.weighted ? weights.data() : nullptr);
  Team team(threads);
  Trainer trainer(model, objective_of(Task::classify, 3), run.optimiser, batcher.plan(), 0, team, 0);
  trainer.watch_time();
  batcher.begin_epoch(0);
  const auto step = [&] { trainer.step(batcher.batch(trainer.steps() % batcher.plan().batches), 0.01); };

  step();  // oneDNN, OpenMP and the threads have their own first time
  allocations = 0;
  counting = true;
  for (std::size_t i = 0; i < kSteps; ++i) step();
  counting = false;
  return allocations;
}

TEST(Trainer, a_step_allocates_nothing) {
  if (!ZTILDE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "the sanitiser's allocator is in place";
  for (const std::size_t threads : {1, 3}) {
    int network = 0;
    for (const Case& run : cases()) {
      EXPECT_EQ(allocations_in_steps(run, threads), 0) << "network " << network << ", threads " << threads;
      ++network;
    }
  }
}

TEST(Trainer, the_allocation_count_sees_what_our_code_allocates) {
  if (!ZTILDE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "the sanitiser's allocator is in place";
  allocations = 0;
  counting = true;
  const std::vector<double> numbers(100, 1.0);
  const AlignedBuffer<float> buffer(100);
  counting = false;
  EXPECT_EQ(allocations, 2);
  EXPECT_EQ(numbers.size() + buffer.size(), 200u);
}

}  // namespace
}  // namespace ztilde
