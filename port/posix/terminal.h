// The terminal of the user: raw while the guest has it, as it was on every way out.
//
// Rules
// - terminal_restore() and terminal_apply() are async-signal-safe and idempotent.
// - While we are a background job the terminal belongs to somebody else: it is left alone until we are in the foreground again (SIGCONT).
#pragma once

#include "core/result.h"

namespace monochord {

// What the keys of the terminal do.
enum class TerminalMode {
  kRawKeys,     // every key goes to the guest, Ctrl-C and Ctrl-Z too (mon:stdio)
  kSignalKeys,  // Ctrl-C ends the emulator, Ctrl-Z stops it (stdio)
};

// Makes `fd` raw; does nothing where it isn't a terminal.
Status terminal_raw(int fd, TerminalMode mode);
void terminal_restore();  // puts the settings back; terminal_apply() makes it raw again
void terminal_apply();
void terminal_forget();   // puts them back for good

}  // namespace monochord
