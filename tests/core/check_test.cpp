// CHECK, results, messages.
#include "core/check.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include "core/result.h"

namespace monochord {
namespace {

TEST(CheckDeathTest, PrintsWhereAndWhatAndAborts) {
  const int apples = 2;
  EXPECT_EXIT(CHECK(apples == 3), ::testing::KilledBySignal(SIGABRT), "check_test.cpp:[0-9]+: CHECK failed: apples == 3\n");
  EXPECT_EXIT(CHECK_MSG(apples == 3, "three were promised"), ::testing::KilledBySignal(SIGABRT), "apples == 3: three were promised\n");
  EXPECT_EXIT(UNREACHABLE(), ::testing::KilledBySignal(SIGABRT), "unreachable");
}

TEST(Check, LetsPassWhatHolds) {
  int evaluated = 0;
  CHECK(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

void say_and_fail_again() {
  const char text[] = "<hook>";
  const ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
  (void)ignored;
  CHECK_MSG(false, "the hook itself is broken");
}

TEST(CheckDeathTest, CallsTheHookOnceEvenWhereTheHookFails) {
  EXPECT_EXIT(
      {
        set_check_hook(&say_and_fail_again);
        CHECK_MSG(false, "first");
      },
      ::testing::KilledBySignal(SIGABRT), "^[^<]*first\n<hook>[^<]*the hook itself is broken\n$");
}

TEST(Result, HoldsAValueOrAMessage) {
  const Result<int> good = 7;
  EXPECT_TRUE(good.ok());
  EXPECT_EQ(good.value(), 7);
  const Result<int> bad = errorf("%s: %d", "no", 5);
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message, "no: 5");
  EXPECT_TRUE(Status().ok());
  EXPECT_FALSE(Status(errorf("x")).ok());
}

TEST(ResultDeathTest, TakingTheValueOfAnErrorIsABug) {
  Result<int> bad = errorf("no");
  EXPECT_DEATH(bad.value(), "CHECK failed");
}

TEST(Stringf, IsNotCutOffAtAnyLength) {
  for (size_t size : {0, 1, 510, 511, 512, 513, 5000}) {
    const std::string text(size, 'x');
    EXPECT_EQ(stringf("%s", text.c_str()), text);
    EXPECT_EQ(stringf("<%s>", text.c_str()), "<" + text + ">");
  }
}

}  // namespace
}  // namespace monochord
