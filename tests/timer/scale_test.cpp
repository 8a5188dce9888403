// Behaviours 21-27: scales and limits.
#include <poll.h>

#include "tests/timer/fixture.h"

namespace monochord {
namespace {

class TimerScale : public TimerFixture {};

TEST_F(TimerScale, B21_scales) {
  Probe us(this, 'u', QEMU_CLOCK_VIRTUAL, 0, nullptr, SCALE_US);
  Probe ms(this, 'm', QEMU_CLOCK_VIRTUAL, 0, nullptr, SCALE_MS);
  timer_mod(us, 3);
  timer_mod(ms, 3);
  EXPECT_EQ(timer_expire_time_ns(us), 3000u);
  EXPECT_EQ(timer_expire_time_ns(ms), 3000000u);
  timer_mod_anticipate(ms, 2);
  EXPECT_EQ(timer_expire_time_ns(ms), 2000000u);
}

TEST_F(TimerScale, B22_saturate) {
  Probe ms(this, 'm', QEMU_CLOCK_VIRTUAL, 0, nullptr, SCALE_MS);
  timer_mod(ms, INT64_MAX);
  EXPECT_EQ(timer_expire_time_ns(ms), static_cast<uint64_t>(INT64_MAX));
  EXPECT_FALSE(run());
}

TEST_F(TimerScale, B23_saturate_negative) {
  Probe ms(this, 'm', QEMU_CLOCK_VIRTUAL, 0, nullptr, SCALE_MS);
  timer_mod(ms, INT64_MIN);
  EXPECT_EQ(timer_expire_time_ns(ms), 0u);
}

TEST_F(TimerScale, B24_int64max_deadline) {
  set_ns(1000);
  Probe a(this, 'a');
  a.mod(INT64_MAX);
  EXPECT_EQ(deadline(), INT64_MAX - 1000);
}

TEST_F(TimerScale, B25_ns_to_ms) {
  struct Row {
    int64_t ns;
    int ms;
  };
  const Row rows[] = {{-5, -1},          {-1, -1},      {0, 0},
                      {1, 1},            {999999, 1},   {1000000, 1},
                      {1000001, 2},      {INT64_MIN, -1}, {int64_t{INT32_MAX} * SCALE_MS, INT32_MAX},
                      {int64_t{INT32_MAX} * SCALE_MS - SCALE_MS, INT32_MAX - 1},
                      {int64_t{INT32_MAX} * SCALE_MS + 1, INT32_MAX},
                      {INT64_MAX - 1, INT32_MAX},
                      {INT64_MAX, INT32_MAX}};
  for (const Row& row : rows) EXPECT_EQ(qemu_timeout_ns_to_ms(row.ns), row.ms) << row.ns;
}

TEST_F(TimerScale, B26_soonest) {
  EXPECT_EQ(qemu_soonest_timeout(-1, -1), -1);
  EXPECT_EQ(qemu_soonest_timeout(-1, 0), 0);
  EXPECT_EQ(qemu_soonest_timeout(5, -1), 5);
  EXPECT_EQ(qemu_soonest_timeout(7, 3), 3);
  EXPECT_EQ(qemu_soonest_timeout(-2, -1), -2);
}

TEST_F(TimerScale, B27_truncation) {
  set_ns(1999999);
  EXPECT_EQ(qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL), 1);
  EXPECT_EQ(qemu_clock_get_us(QEMU_CLOCK_VIRTUAL), 1999);
}

TEST_F(TimerScale, muldiv64_has_a_96_bit_product) {
  EXPECT_EQ(muldiv64(1000000000, 10000000, 1000000000), 10000000u);
  EXPECT_EQ(muldiv64(UINT64_MAX, UINT32_MAX, UINT32_MAX), UINT64_MAX);
  EXPECT_EQ(muldiv64(UINT64_MAX, 3, 4), 13835058055282163711u);
  EXPECT_EQ(muldiv64(7, 1, 2), 3u);
  EXPECT_EQ(muldiv64(UINT64_MAX, 4, 2), UINT64_MAX - 1) << "the result is cut to 64 bits";
}

TEST_F(TimerScale, poll_ns_takes_any_timeout) {
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  pollfd fd = {pipe_fds[0], POLLIN, 0};
  EXPECT_EQ(qemu_poll_ns(&fd, 1, 0), 0);
  EXPECT_EQ(qemu_poll_ns(&fd, 1, 1), 0);
  ASSERT_EQ(write(pipe_fds[1], "x", 1), 1);
  EXPECT_EQ(qemu_poll_ns(&fd, 1, -1), 1);
  EXPECT_EQ(qemu_poll_ns(&fd, 1, INT64_MAX), 1);
  EXPECT_EQ(fd.revents, POLLIN);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

}  // namespace
}  // namespace monochord
