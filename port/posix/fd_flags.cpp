#include "port/posix/fd_flags.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace monochord {

namespace {

// The three that a process inherits. Plain storage: signal handlers walk it.
constexpr int kMax = 3;
struct Entry {
  int fd;
  int flags;               // of the open file, before us
  f_owner_ex owner;
  bool async;              // what we want
};
Entry entries[kMax];
volatile int count = 0;    // entries[0, count) are complete

Entry* find(int fd) {
  for (int i = 0; i < count; i++) {
    if (entries[i].fd == fd) return &entries[i];
  }
  return nullptr;
}

void own(int fd) {
  f_owner_ex owner;
  owner.type = F_OWNER_TID;
  owner.pid = static_cast<pid_t>(syscall(SYS_gettid));
  fcntl(fd, F_SETOWN_EX, &owner);
}

bool apply(int fd, bool async) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return false;
  if (async) own(fd);
  return fcntl(fd, F_SETFL, flags | O_NONBLOCK | (async ? O_ASYNC : 0)) == 0 ||
         fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;  // files without O_ASYNC
}

}  // namespace

bool fd_flags_set(int fd, bool async) {
  Entry* entry = find(fd);
  if (entry != nullptr) {
    entry->async = entry->async || async;
  } else if (fd < kMax) {
    Entry& fresh = entries[count];
    fresh = Entry{fd, fcntl(fd, F_GETFL), {F_OWNER_PID, 0}, async};
    if (fresh.flags < 0) return false;
    if (fcntl(fd, F_GETOWN_EX, &fresh.owner) != 0) fresh.owner = {F_OWNER_PID, 0};
    count = count + 1;
  }
  return apply(fd, async);
}

void fd_flags_restore() {
  for (int i = count - 1; i >= 0; i--) {
    const Entry& entry = entries[i];
    fcntl(entry.fd, F_SETFL, entry.flags);
    fcntl(entry.fd, F_SETOWN_EX, &entry.owner);
  }
}

void fd_flags_apply() {
  for (int i = 0; i < count; i++) apply(entries[i].fd, entries[i].async);
}

void fd_flags_forget() {
  fd_flags_restore();
  count = 0;
}

}  // namespace monochord
