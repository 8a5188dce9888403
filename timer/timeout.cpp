// Timeouts for poll.
#include <poll.h>
#include <time.h>

#include "timer/internal.h"

int qemu_timeout_ns_to_ms(int64_t ns) {
  if (ns < 0) return -1;
  // Divide, then add: rounding up by addition overflows near INT64_MAX.
  const int64_t ms = ns / SCALE_MS + (ns % SCALE_MS != 0);
  return ms > INT32_MAX ? INT32_MAX : static_cast<int>(ms);
}

int qemu_poll_ns(struct pollfd* fds, unsigned nfds, int64_t timeout) {
  if (timeout < 0) return ppoll(fds, nfds, nullptr, nullptr);
  int64_t seconds = timeout / NANOSECONDS_PER_SECOND;
  if (seconds > INT32_MAX) seconds = INT32_MAX;
  struct timespec ts;
  ts.tv_sec = static_cast<time_t>(seconds);
  ts.tv_nsec = static_cast<long>(timeout % NANOSECONDS_PER_SECOND);
  return ppoll(fds, nfds, &ts, nullptr);
}
