// fd handlers. The host's hint (SIGIO, the idle wait) only says "look"; what is ready is asked of the system, and asked again after every
// callback, because the hint is edge-triggered and shared by all fds.
#include <algorithm>
#include <vector>

#include "core/host.h"
#include "core/log.h"
#include "core/loop_internal.h"

namespace monochord {

namespace {

struct FdHandler {
  int fd;
  IOHandler* read;
  IOHandler* write;
  void* opaque;
  unsigned events() const { return (read ? kFdRead : 0u) | (write ? kFdWrite : 0u); }
};

std::vector<FdHandler>& handlers() {
  static std::vector<FdHandler> list;
  return list;
}

// Set in main context only, read anywhere: some fd must be looked at without a hint.
volatile sig_atomic_t recheck = 0;

FdHandler* find(int fd) {
  for (FdHandler& handler : handlers()) {
    if (handler.fd == fd) return &handler;
  }
  return nullptr;
}

// Calls what is ready on one fd. The callbacks may remove or replace any handler, this one too.
bool dispatch_fd(int fd) {
  const FdHandler* handler = find(fd);
  if (handler == nullptr) return false;
  const unsigned ready = host().poll_fd(fd, handler->events());
  bool ran = false;
  // A hangup is for the reader to find (end of file); a writer alone finds it too (EPIPE).
  if (handler->read && (ready & (kFdRead | kFdHangup))) {
    handler->read(handler->opaque);
    ran = true;
    handler = find(fd);
    if (handler == nullptr) return true;
  }
  if (handler->write && (ready & (kFdWrite | kFdHangup))) {
    handler->write(handler->opaque);
    ran = true;
  }
  return ran;
}

// How often one turn asks all fds again while they stay ready; then the guest has a (short) turn.
constexpr int kMaxRounds = 8;

}  // namespace

bool fds_may_be_ready() { return recheck != 0; }

bool input_is_possible() {
  return std::any_of(handlers().begin(), handlers().end(), [](const FdHandler& handler) { return handler.read != nullptr; });
}

void fd_handlers_reset() {
  handlers().clear();
  recheck = 0;
}

bool dispatch_fds() {
  CHECK(bql_locked() && !in_handler_context());
  // Take the hint before asking, or an edge between the two would be lost.
  const bool hint = host().take_fd_hint();
  if (!hint && !recheck) return false;
  bool any = false;
  for (int round = 0; round < kMaxRounds; round++) {
    recheck = 0;
    std::vector<int> fds;
    fds.reserve(handlers().size());
    for (const FdHandler& handler : handlers()) fds.push_back(handler.fd);
    bool ran = false;
    for (int fd : fds) ran = dispatch_fd(fd) || ran;
    if (!ran && !recheck) return any;
    any = any || ran;
    recheck = 1;  // after a drain the system decides again
  }
  return any;
}

}  // namespace monochord

using namespace monochord;

void qemu_set_fd_handler(int fd, IOHandler* fd_read, IOHandler* fd_write, void* opaque) {
  CHECK(!in_handler_context());
  DCHECK(bql_locked());
  FdHandler* handler = find(fd);
  if (fd_read == nullptr && fd_write == nullptr) {
    if (handler == nullptr) return;
    handlers().erase(handlers().begin() + (handler - handlers().data()));
    (void)host().watch_fd(fd, 0);  // it may be closed already
    return;
  }
  if (handler == nullptr) {
    handlers().push_back({fd, nullptr, nullptr, nullptr});
    handler = &handlers().back();
  }
  const unsigned before = handler->events();
  handler->read = fd_read;
  handler->write = fd_write;
  handler->opaque = opaque;
  if (handler->events() != before) {
    const Status status = host().watch_fd(fd, handler->events());
    if (!status.ok()) warn_report("%s", status.error().message.c_str());
  }
  // It may have become ready before it was watched: no edge comes for that.
  recheck = 1;
  leave_for_loop();
}
