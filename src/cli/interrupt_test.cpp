// A signal may come while oneDNN has its stack pointer in a buffer on the heap.
#include "cli/interrupt.hpp"

#include <gtest/gtest.h>
#include <signal.h>

namespace ztilde::cli {
namespace {

void* seen_at = nullptr;  // where the handler has its stack
extern "C" void look(int) { seen_at = __builtin_frame_address(0); }

stack_t stack_now() {
  stack_t stack{};
  ::sigaltstack(nullptr, &stack);
  return stack;
}

TEST(Interrupt, handlers_have_a_stack_of_their_own) {
  const Interrupt interrupt;
  struct sigaction action {};
  ::sigaction(SIGINT, nullptr, &action);
  ASSERT_TRUE(action.sa_flags & SA_ONSTACK);
  action.sa_handler = look;
  ::sigaction(SIGINT, &action, nullptr);
  ::raise(SIGINT);
  const stack_t stack = stack_now();
  EXPECT_GE(seen_at, stack.ss_sp);
  EXPECT_LT(seen_at, static_cast<char*>(stack.ss_sp) + stack.ss_size);
}

TEST(Interrupt, remembers_the_first_signal_and_leaves_all_as_it_was) {
  const stack_t before = stack_now();
  {
    const Interrupt interrupt;
    EXPECT_EQ(interrupt.signal(), 0);
    ::raise(SIGTERM);
    EXPECT_EQ(interrupt.signal(), SIGTERM);
  }
  struct sigaction action {};
  ::sigaction(SIGTERM, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
  EXPECT_EQ(stack_now().ss_flags, before.ss_flags);
  EXPECT_EQ(stack_now().ss_sp, before.ss_sp);
}

}  // namespace
}  // namespace ztilde::cli
