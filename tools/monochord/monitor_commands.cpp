// The monitor's commands, as one table; `help` is made from it.
#include <qemu/timer.h>

#include <cinttypes>

#include "core/guest_time.h"
#include "core/log.h"
#include "core/main_loop.h"
#include "core/replay.h"
#include "core/suggest.h"
#include "tcg/jit/counters.h"
#include "tools/monochord/monitor.h"
#include "tools/monochord/options.h"
#include "tools/monochord/version.h"

namespace monochord {

namespace {

MonitorTarget target;

struct Command {
  const char* name;       // one or two words
  const char* arguments;
  const char* help;
  std::string (*run)(const std::string& arguments);
};

const char* runstate_name(RunState state) {
  switch (state) {
    case RunState::kPrelaunch: return "paused (prelaunch)";
    case RunState::kRunning: return "running";
    case RunState::kPaused: return "paused";
    case RunState::kDebug: return "paused (debug)";
    case RunState::kShutdown: return "paused (shutdown)";
  }
  return "unknown";
}

std::string info_registers(const std::string&) {
  std::string text;
  for (Cpu* cpu : cpu_list()) text += stringf("\nCPU#%d\n", cpu->cpu_index) + cpu->dump_state();
  return text;
}

std::string info_cpus(const std::string&) {
  std::string text;
  for (Cpu* cpu : cpu_list())
    text += stringf("* CPU #%d: pc=0x%016" PRIx64 " instructions=%" PRIu64 "%s\n", cpu->cpu_index, cpu->pc(), cpu->instructions(), cpu->halted ? " (halted)" : "");
  return text;
}

const char* clock_name(QEMUClockType clock) {
  switch (clock) {
    case QEMU_CLOCK_REALTIME: return "REALTIME";
    case QEMU_CLOCK_VIRTUAL: return "VIRTUAL";
    case QEMU_CLOCK_HOST: return "HOST";
    case QEMU_CLOCK_VIRTUAL_RT: return "VIRTUAL_RT";
    default: return "?";
  }
}

void add_timer_row(void* context, const TimerInfo* info) {
  const std::string name = info->name != nullptr ? info->name : stringf("#%" PRIu64, info->number);
  std::string deadline = "idle", left;
  if (info->armed) {
    deadline = stringf("%" PRId64, info->expire_time_ns);
    left = stringf("%" PRId64, info->expire_time_ns - qemu_clock_get_ns(info->clock));
  }
  *static_cast<std::string*>(context) += stringf("%-28s %-10s %20s %14s  %s\n", name.c_str(), clock_name(info->clock), deadline.c_str(), left.c_str(),
                                                 info->callback_name != nullptr ? info->callback_name : "-");
}

std::string info_timers(const std::string&) {
  std::string text = stringf("%-28s %-10s %20s %14s  %s\n", "timer", "clock", "deadline ns", "in ns", "callback");
  timer_for_each(add_timer_row, &text);
  return text;
}

std::string info_mtree(const std::string&) { return target.as != nullptr ? target.as->mtree() : std::string(); }
std::string info_jit(const std::string&) { return jit_report(); }
// How time goes, and what a recording has seen of it.
std::string info_replay(const std::string&) {
  static constexpr const char* kTimes[] = {"real time", "icount", "icount shift=auto", "real time, sampled"};
  const IcountOptions time = icount_options();
  std::string text = stringf("time: %s", kTimes[time.mode]);
  if (time.mode == ICOUNT_PRECISE) text += stringf(" shift=%d", time.shift);
  text += stringf(", %" PRIu64 " instructions, VIRTUAL %" PRId64 " ns, %" PRIu64 " inputs from outside\n", total_instructions(),
                  qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), guest_inputs());
  return text + replay_status();
}
std::string info_status(const std::string&) { return stringf("VM status: %s\n", runstate_name(runstate())); }
std::string info_version(const std::string&) { return version_text(); }
std::string info_name(const std::string&) { return target.name.empty() ? std::string() : target.name + "\n"; }

std::string stop(const std::string&) {
  if (runstate() == RunState::kRunning) vm_stop(RunState::kPaused);
  return {};
}

std::string cont(const std::string&) {
  if (runstate() == RunState::kShutdown) return "the machine has ended; quit, or start it again\n";
  if (runstate() != RunState::kRunning) vm_start();
  return {};
}

std::string quit(const std::string&) {
  qemu_system_shutdown_request(ShutdownCause::kHostQuit, 0);
  return {};
}

std::string system_reset(const std::string&) {
  qemu_system_reset_request(ShutdownCause::kHostQuit);
  return {};
}

std::string log_command(const std::string& arguments) {
  if (arguments == "none" || arguments.empty()) {
    log_mask = 0;
    return {};
  }
  const Result<uint32_t> mask = parse_log_items(arguments.c_str());
  if (!mask) return mask.error().message + "\n" + log_help();
  log_mask = mask.value();
  return {};
}

// x and xp: "/COUNT ADDRESS" in words of 4 bytes, as QEMU's /Nx.
std::string examine(const std::string& arguments, bool physical) {
  uint64_t count = 1;
  std::string rest = arguments;
  if (!rest.empty() && rest[0] == '/') {
    size_t end = rest.find(' ');
    std::string format = rest.substr(1, end == std::string::npos ? end : end - 1);
    while (!format.empty() && (format.back() < '0' || format.back() > '9')) format.pop_back();
    count = format.empty() ? 1 : parse_u64(format).value_or(0);
    rest = end == std::string::npos ? std::string() : rest.substr(end + 1);
  }
  const std::optional<uint64_t> address = parse_u64(rest);
  if (!address || count == 0 || count > 4096) return stringf("usage: %s/COUNT ADDRESS (words of 4 bytes, at most 4096)\n", physical ? "xp" : "x");
  std::string text;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = *address + 4 * i;
    if (i % 4 == 0) text += stringf("%s%016" PRIx64 ":", i != 0 ? "\n" : "", at);
    uint64_t paddr = at;
    uint32_t word = 0;
    if ((!physical && !cpu_list().front()->debug_translate(at, &paddr)) || target.as->debug_read(paddr, &word, sizeof word) != MemTxResult::kOk)
      return text + " Cannot access memory\n";
    text += stringf(" 0x%08x", word);
  }
  return text + "\n";
}
std::string examine_virtual(const std::string& arguments) { return examine(arguments, false); }
std::string examine_physical(const std::string& arguments) { return examine(arguments, true); }

std::string help(const std::string&);

const Command kCommands[] = {
    {"help", "", "this list", help},
    {"info registers", "", "the registers of every hart", info_registers},
    {"info timers", "", "every timer: clock, deadline, callback", info_timers},
    {"info mtree", "", "the memory map: regions and who answers where", info_mtree},
    {"info cpus", "", "harts, their pc and instruction counts", info_cpus},
    {"info jit", "", "what the JIT made and did: units, exits, slow paths, TLB", info_jit},
    {"info replay", "", "how time goes; what is recorded or replayed", info_replay},
    {"info status", "", "whether the machine runs", info_status},
    {"info version", "", "the version", info_version},
    {"info name", "", "the name given with -name", info_name},
    {"stop", "", "stop the machine; its clock stops too", stop},
    {"cont", "", "let it go on", cont},
    {"system_reset", "", "reset the machine", system_reset},
    {"log", "ITEM[,...]|none", "what -d shows", log_command},
    {"x", "/COUNT ADDRESS", "words of virtual memory", examine_virtual},
    {"xp", "/COUNT ADDRESS", "words of physical memory", examine_physical},
    {"quit", "", "end the emulator", quit},
};

std::string help(const std::string&) {
  std::string text;
  for (const Command& command : kCommands) text += stringf("%-32s %s\n", (std::string(command.name) + " " + command.arguments).c_str(), command.help);
  return text;
}

}  // namespace

void monitor_set_target(const MonitorTarget& value) { target = value; }

std::string monitor_command(const std::string& raw) {
  std::string line = raw;
  while (!line.empty() && line.back() == ' ') line.pop_back();
  while (!line.empty() && line.front() == ' ') line.erase(0, 1);
  if (line.empty()) return {};
  if (line == "q") line = "quit";
  if (line == "c") line = "cont";
  if (line == "?") line = "help";
  if (line == "info") return help({});
  const Command* found = nullptr;
  size_t length = 0;
  for (const Command& command : kCommands) {
    const std::string name = command.name;
    const bool whole = line.compare(0, name.size(), name) == 0 && (line.size() == name.size() || line[name.size()] == ' ' || line[name.size()] == '/');
    if (whole && name.size() > length) {
      found = &command;
      length = name.size();
    }
  }
  if (found == nullptr) {
    std::vector<std::string_view> names;
    for (const Command& command : kCommands) names.push_back(command.name);
    return stringf("unknown command: '%s'; did you mean '%s'? 'help' lists them\n", line.c_str(), std::string(nearest_name(line, names)).c_str());
  }
  std::string arguments = line.substr(length);
  while (!arguments.empty() && arguments.front() == ' ') arguments.erase(0, 1);
  return found->run(arguments);
}

}  // namespace monochord
