// The log: `-d ITEM[,...]` and `-D FILE`, with QEMU's item names. Text for people; events for programs are in core/trace.h.
// A disabled item costs one test. Main or handler context (a handler runs only where no libc lock is held).
// Lines are written with write(2), unbuffered, to stderr or the file of -D.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"

namespace monochord {

// One line an item: name of the flag, name for -d, what it shows. Items of the JIT are there from the first day.
#define MONOCHORD_LOG_ITEMS(X)                                                                        \
  X(kLogOutAsm, "out_asm", "show generated host code for each compiled unit")                         \
  X(kLogInAsm, "in_asm", "show guest code for each decoded or compiled unit")                         \
  X(kLogOp, "op", "show micro-operations for each compiled unit")                                     \
  X(kLogInt, "int", "show interrupts and exceptions as they are taken")                               \
  X(kLogExec, "exec", "show each unit before it runs (slow, large)")                                  \
  X(kLogCpu, "cpu", "show the CPU's registers before each unit (slow, large)")                        \
  X(kLogMmu, "mmu", "show page-table walks that fault")                                               \
  X(kLogPage, "page", "show changes of the memory map")                                               \
  X(kLogUnimp, "unimp", "show accesses to what is not implemented")                                   \
  X(kLogGuestError, "guest_errors", "show when the guest does something undefined for a device")      \
  X(kLogCpuReset, "cpu_reset", "show the CPU's registers at each reset")                              \
  X(kLogNoChain, "nochain", "do not chain compiled units")

enum LogItem : int {
#define MONOCHORD_LOG_BIT(flag, name, help) flag##Bit,
  MONOCHORD_LOG_ITEMS(MONOCHORD_LOG_BIT)
#undef MONOCHORD_LOG_BIT
};
enum LogMask : uint32_t {
#define MONOCHORD_LOG_MASK(flag, name, help) flag = 1u << flag##Bit,
  MONOCHORD_LOG_ITEMS(MONOCHORD_LOG_MASK)
#undef MONOCHORD_LOG_MASK
};

extern uint32_t log_mask;  // which items are on

inline bool log_enabled(uint32_t items) { return __builtin_expect((log_mask & items) != 0, 0); }

// Prints one line (a newline is added) if one of the items is on.
[[gnu::format(printf, 2, 3)]] void qemu_log_mask(uint32_t items, const char* format, ...);
// Prints text as it is.
void log_write(const char* text, size_t size);

// "in_asm,int" -> mask; "all"; an unknown item is an error that names the nearest one.
Result<uint32_t> parse_log_items(const char* text);
Status open_log_file(const char* path);
std::string log_help();  // for -d help
// Writes all of it to a descriptor that may be non-blocking (a terminal shared with the console); gives up when nobody reads for a second.
void write_all(int fd, const char* text, size_t size);

// One line to stderr: "monochord: warning: ..." / "monochord: ...". Not part of -d.
[[gnu::format(printf, 1, 2)]] void warn_report(const char* format, ...);
[[gnu::format(printf, 1, 2)]] void error_report(const char* format, ...);

}  // namespace monochord
