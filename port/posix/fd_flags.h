// File status flags that we change on descriptors which other processes share (a terminal, a pipe): O_NONBLOCK, O_ASYNC and the owner for SIGIO.
// They belong to the open file, not to us: they are put back at exit and while we are stopped.
//
// Rules
// - Main context, but for fd_flags_restore() and fd_flags_apply(), which are async-signal-safe.
// - fds 0 to 2 are remembered until the end (stdin and stdout are often one open file). Others are ours and are simply closed.
#pragma once

namespace monochord {

// O_NONBLOCK, and O_ASYNC with this thread as owner when `async`. False with errno where the fd is not open.
bool fd_flags_set(int fd, bool async);
// Puts everything back, the last first.
void fd_flags_restore();
// After a stop: once more what was set.
void fd_flags_apply();
// Puts everything back and forgets it.
void fd_flags_forget();

}  // namespace monochord
