// The signals of the emulator, as sets and handlers.
#pragma once

#include <signal.h>

namespace monochord {

// SIGALRM, SIGIO, SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT, SIGQUIT: what may come from outside at any time. They are in each other's masks, so
// handlers never nest.
void fill_our_signals(sigset_t* set);

// A signal's handler tells generated code that somebody may want the loop (core/host.h).
void kick_interrupted_code(void* ucontext);

void install_signal_handlers();
void restore_signal_handlers();

// Set by SIGIO and by the idle wait; read by PosixHost::take_fd_hint.
extern volatile sig_atomic_t fd_hint;

}  // namespace monochord
