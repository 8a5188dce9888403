// The accepted options are one table; the help text is made from it.
#include "tools/monochord/options.h"

#include <cstring>

#include "core/log.h"
#include "core/suggest.h"
#include "devices/device_types.h"
#include "tcg/riscv/config.h"
#include "tools/monochord/schedule_options.h"
#include "tools/monochord/trace_options.h"
#include "tools/monochord/version.h"

namespace monochord {

namespace {

struct Parser {
  Options options;

  void print(std::string text) {
    options.action = Options::Action::kPrintAndExit;
    options.text = std::move(text);
  }
};

using Handler = Status (*)(Parser& p, const std::string& value);

struct OptionRow {
  const char* name;
  const char* value;  // what it takes, for the help; null: nothing
  const char* group;
  const char* help;
  Handler handler;
};

std::string help_text();

Status set_machine(Parser& p, const std::string& value) {
  const OptionList list = OptionList::parse(value, "type");
  const std::string type = list.get("type", "virt");
  if (type == "help" || type == "?") {
    p.print("Supported machines are:\nnone     is not built\nvirt     RISC-V VirtIO board (default)\n");
    return {};
  }
  if (type != "virt") return errorf("-machine: unknown machine '%s'; only 'virt' exists (-machine help)", type.c_str());
  if (Status ok = list.check_keys("-machine", {"type", "dumpdtb", "accel", "aclint", "aia", "acpi", "usb", "graphics", "dump-guest-core", "mem-merge"}); !ok) return ok;
  p.options.dumpdtb = list.get("dumpdtb");
  if (list.has("dumpdtb") && p.options.dumpdtb.empty()) return errorf("-machine dumpdtb=: the name of the file is missing");
  if (list.has("accel"))
    if (Status ok = set_accelerator(p.options.jit, list.get("accel")); !ok) return ok;
  for (const char* key : {"aclint", "usb", "graphics"})
    if (list.get(key, "off") != "off") return errorf("-machine %s=%s: this part of the board is not built; leave it out", key, list.get(key).c_str());
  if (list.get("aia", "none") != "none") return errorf("-machine aia=%s: only the PLIC is built; use aia=none", list.get("aia").c_str());
  return {};
}

Status set_cpu(Parser& p, const std::string& value) {
  if (value == "help" || value == "?") {
    p.print(cpu_help());
    return {};
  }
  p.options.cpu = value;
  const Result<CpuConfig> config = parse_cpu_model(value);
  return config ? Status() : Status(config.error());
}

Status set_memory(Parser& p, const std::string& value) {
  const OptionList list = OptionList::parse(value, "size");
  if (Status ok = list.check_keys("-m", {"size", "slots", "maxmem"}); !ok) return ok;
  const Result<uint64_t> size = parse_size("-m", list.get("size", "128M"), 1 << 20);
  if (!size) return size.error();
  if (size.value() == 0) return errorf("-m 0: a machine needs memory; give for example -m 512M");
  p.options.ram_bytes = size.value();
  return {};
}

Status set_smp(Parser& p, const std::string& value) {
  (void)p;
  const OptionList list = OptionList::parse(value, "cpus");
  if (Status ok = list.check_keys("-smp", {"cpus", "maxcpus", "sockets", "cores", "threads", "clusters", "dies"}); !ok) return ok;
  for (const auto& [key, text] : list.items()) {
    const std::optional<uint64_t> count = parse_u64(text);
    if (!count || *count == 0) return errorf("-smp %s: '%s' is not a number of harts", key.c_str(), text.c_str());
    if (*count > 1) return errorf("-smp %s: more than one hart is not supported yet; use -smp 1", value.c_str());
  }
  return {};
}

Status set_accel(Parser& p, const std::string& value) {
  const OptionList list = OptionList::parse(value, "accel");
  const std::string accel = list.get("accel");
  if (accel == "help" || accel == "?") {
    p.print("Accelerators supported:\ntcg     generated code (default)\ninterp  the interpreter\n\nKeys of -accel tcg:\n" + jit_option_help());
    return {};
  }
  if (Status ok = set_accelerator(p.options.jit, accel); !ok) return ok;
  for (const auto& [key, text] : list.items()) {
    if (key == "accel" || key == "split-wx") continue;
    if (key == "thread") {
      if (text != "single") return errorf("-accel %s,thread=%s: Monochord runs on one thread; use thread=single or leave it out", accel.c_str(), text.c_str());
      continue;
    }
    if (accel == "interp") return errorf("-accel interp,%s=: only 'tcg' has this key", key.c_str());
    if (Status ok = set_jit_option(p.options.jit, key, text); !ok) return ok;
  }
  return {};
}

Status set_display(Parser& p, const std::string& value) {
  if (value == "none") return {};
  if (value == "help") {
    p.print("Available display backend types:\nnone\n");
    return {};
  }
  return errorf("-display %s: there is no graphical display; use -display none or -nographic", value.c_str());
}

Status set_device(Parser& p, const std::string& value) {
  if (value == "help" || value == "?") {
    p.print(device_help());
    return {};
  }
  const OptionList list = OptionList::parse(value, "driver");
  const std::string driver = list.get("driver");
  const DeviceType* type = find_device_type(driver);
  if (type == nullptr) return unknown_device_type(driver);
  if (list.has("help") || list.has("?")) {
    p.print(device_type_help(*type));
    return {};
  }
  p.options.devices.push_back(list);
  return {};
}

Status set_drive(Parser& p, const std::string& value) {
  const OptionList list = OptionList::parse(value, "file");
  if (Status ok = list.check_keys("-drive", {"file", "format", "if", "id", "index", "media", "readonly", "snapshot", "cache", "aio", "discard", "werror", "rerror", "detect-zeroes", "copy-on-read", "unit", "bus"}); !ok)
    return ok;
  if (list.get("file").empty()) return errorf("-drive: file= is missing; give -drive file=disk.img,format=raw,if=none,id=d0");
  const std::string format = list.get("format", "raw");
  if (format != "raw") return errorf("-drive format=%s: only raw images are supported; convert it with 'qemu-img convert -O raw'", format.c_str());
  const std::string interface = list.get("if", "virtio");
  if (interface != "none" && interface != "virtio") return errorf("-drive if=%s: use if=none with a -device, or if=virtio", interface.c_str());
  p.options.drives.push_back(list);
  return {};
}

Status set_rtc(Parser& p, const std::string& value) {
  const OptionList list = OptionList::parse(value, "base");
  if (Status ok = list.check_keys("-rtc", {"base", "clock", "driftfix"}); !ok) return ok;
  if (list.has("base")) p.options.rtc_base = list.get("base");
  if (list.has("clock")) p.options.rtc_clock = list.get("clock");
  const std::string clock = list.get("clock", "host");
  if (clock != "host" && clock != "rt" && clock != "vm") return errorf("-rtc clock=%s: use host, rt or vm", clock.c_str());
  return {};
}

Status set_icount(Parser& p, const std::string& value) {
  // rr and rrfile are about the file; the rest is the timer library's.
  const OptionList list = OptionList::parse(value, "shift");
  std::string rest;
  for (const auto& [key, text] : list.items())
    if (key != "rr" && key != "rrfile") rest += (rest.empty() ? "" : ",") + key + "=" + text;
  if (const char* error = icount_parse(rest.c_str(), &p.options.icount)) return errorf("%s", error);
  const std::string mode = list.get("rr"), file = list.get("rrfile");
  if (mode.empty() && file.empty()) return {};
  if (mode != "record" && mode != "replay") return errorf("-icount rr=%s: give rr=record or rr=replay, and rrfile=FILE", mode.c_str());
  if (file.empty()) return errorf("-icount rr=%s: rrfile= is missing, the file of the recording", mode.c_str());
  if (p.options.icount.mode == ICOUNT_DISABLED) return errorf("-icount rr=%s: shift= is missing", mode.c_str());
  (mode == "record" ? p.options.record : p.options.replay) = file;
  return {};
}

Status set_check_determinism(Parser& p, const std::string& value) {
  const std::optional<uint64_t> runs = parse_u64(value);
  if (!runs || *runs < 2 || *runs > 1000) return errorf("--check-determinism %s: give a number of runs, 2 to 1000", value.c_str());
  p.options.check_determinism = static_cast<unsigned>(*runs);
  return {};
}

Status set_interrupt_at(Parser& p, const std::string& value) {
  std::vector<InterruptPoint>& points = p.options.schedule.points;
  if (value.compare(0, 5, "file=") == 0) {
    Result<std::vector<InterruptPoint>> read = read_interrupt_points(value.substr(5));
    if (!read) return errorf("--interrupt-at: %s", read.error().message.c_str());
    points.insert(points.end(), read->begin(), read->end());
    return {};
  }
  const Result<InterruptPoint> point = parse_interrupt_point("--interrupt-at", value);
  if (!point) return point.error();
  points.push_back(point.value());
  return {};
}

Status set_hold_interrupt(Parser& p, const std::string& value) {
  const Result<InterruptHold> hold = parse_interrupt_hold(value);
  if (!hold) return hold.error();
  p.options.schedule.holds.push_back(hold.value());
  return {};
}

Status set_seed(Parser& p, const std::string& value) {
  const std::optional<uint64_t> seed = parse_u64(value);
  if (!seed) return errorf("-seed %s: give a number", value.c_str());
  p.options.seed = seed;
  return {};
}

// What the guest sees of the host's calendar and randomness without -rtc and -seed: nothing where instructions are its time, so that every run is the
// same.
constexpr char kCountedRtcBase[] = "2026-01-01T00:00:00";
void defaults_of_time(Options& o) {
  const bool counted = o.icount.mode == ICOUNT_PRECISE;
  if (o.rtc_clock.empty() && (!o.record.empty() || !o.replay.empty())) o.rtc_clock = "vm";
  if (o.rtc_base.empty()) o.rtc_base = counted ? kCountedRtcBase : "utc";
  if (o.rtc_clock.empty()) o.rtc_clock = counted ? "vm" : "host";
  if (!o.seed && counted) o.seed = 0;
}

Status set_global(Parser& p, const std::string& value) {
  const size_t equals = value.find('=');
  const std::string property = value.substr(0, equals);
  if (equals == std::string::npos) return errorf("-global: '%s' has no value; give DRIVER.PROPERTY=VALUE", value.c_str());
  if (property != "virtio-mmio.force-legacy")
    return errorf("-global: unknown property '%s'; 'virtio-mmio.force-legacy' is supported", property.c_str());
  const Result<bool> on = parse_bool("-global " + property, value.substr(equals + 1));
  if (!on) return on.error();
  p.options.force_legacy = on.value();
  return {};
}

Status set_log(Parser& p, const std::string& value) {
  if (value == "help" || value == "?") {
    p.print(log_help() + stringf("%-15s %s\n", "trace:PATTERN", "print these trace events (-trace help lists them)"));
    return {};
  }
  const Result<std::string> items = take_trace_items(p.options.trace, value);
  if (!items) return items.error();
  if (items.value().empty()) return {};
  p.options.log_items = items.value();
  const Result<uint32_t> mask = parse_log_items(items.value().c_str());
  return mask ? Status() : Status(mask.error());
}

Status set_trace(Parser& p, const std::string& value) {
  if (value != "help" && value != "?") return add_trace_option(p.options.trace, value);
  p.print(trace_help());
  return {};
}

Status set_gdb(Parser& p, const std::string& value) {
  if (value != "none") p.options.gdb.push_back(value);
  return {};
}

Status set_chardev(Parser& p, const std::string& value) {
  const OptionList list = OptionList::parse(value, "backend");
  const std::string backend = list.get("backend");
  if (backend == "help" || backend == "?") {
    p.print("Available chardev backend types:\n  file\n  null\n  pty\n  socket (unix)\n  stdio\n");
    return {};
  }
  for (const char* known : {"stdio", "null", "file", "pty", "socket", "ringbuf"})
    if (backend == known && list.get("id").empty()) return errorf("-chardev %s: id= is missing", backend.c_str());
  if (backend != "stdio" && backend != "null" && backend != "file" && backend != "pty" && backend != "socket")
    return errorf("-chardev: backend '%s' is not supported; use stdio, null, file, pty or socket", backend.c_str());
  p.options.chardevs.push_back(list);
  return {};
}

#define SET_STRING(member)                            \
  [](Parser& p, const std::string& value) -> Status { \
    p.options.member = value;                         \
    return {};                                        \
  }
#define SET_FLAG(member)                             \
  [](Parser& p, const std::string&) -> Status {      \
    p.options.member = true;                         \
    return {};                                       \
  }
#define APPEND(member)                               \
  [](Parser& p, const std::string& value) -> Status { \
    p.options.member.push_back(value);               \
    return {};                                       \
  }

constexpr char kStandard[] = "Standard options";
constexpr char kBoot[] = "What to boot";
constexpr char kDevices[] = "Devices and consoles";
constexpr char kDebug[] = "Debugging and control";

const OptionRow kOptions[] = {
    {"M", "virt[,dumpdtb=FILE]", kStandard, "the machine ('help' lists them); dumpdtb writes its device tree and exits", set_machine},
    {"machine", "virt[,dumpdtb=FILE]", kStandard, "the same", set_machine},
    {"cpu", "rv64[,EXT=on|off]...", kStandard, "the CPU and its extensions ('help' lists them)", set_cpu},
    {"m", "[size=]MEGS|SIZE", kStandard, "memory, default 128M; suffixes K M G T", set_memory},
    {"smp", "1", kStandard, "number of harts (one, for now)", set_smp},
    {"accel", "tcg[,tb-size=MiB][,one-insn-per-tb=on]|interp", kStandard, "generated code, or the interpreter ('help' lists the keys)", set_accel},
    {"name", "NAME", kStandard, "a name for this guest", [](Parser& p, const std::string& value) -> Status {
       p.options.name = OptionList::parse(value, "guest").get("guest", value);
       return {};
     }},
    {"rtc", "[base=utc|localtime|DATE][,clock=host|rt|vm]", kStandard, "what the real-time clock shows and counts on", set_rtc},
    {"icount", "shift=N|auto[,sleep=on|off][,align=on|off][,rr=record|replay,rrfile=F]", kStandard, "the guest's time counts instructions, 2^N ns each (0 to 10): every run is the same; sleep=off skips idle time", set_icount},
    {"seed", "NUMBER", kStandard, "begins the guest's random numbers (rng-seed of the device tree) there", set_seed},
    {"global", "virtio-mmio.force-legacy=on|off", kStandard, "legacy (default) or modern virtio-mmio", set_global},
    {"h", nullptr, kStandard, "this text", [](Parser& p, const std::string&) -> Status { p.print(help_text()); return {}; }},
    {"help", nullptr, kStandard, "this text", [](Parser& p, const std::string&) -> Status { p.print(help_text()); return {}; }},
    {"version", nullptr, kStandard, "the version", [](Parser& p, const std::string&) -> Status { p.print(version_text()); return {}; }},

    {"bios", "default|none|FILE", kBoot, "the firmware; default is OpenSBI's fw_dynamic.bin", SET_STRING(bios)},
    {"L", "DIR", kBoot, "where to look for firmware first", APPEND(search_dirs)},
    {"kernel", "FILE", kBoot, "the kernel: ELF, Linux Image, gzip of either, or raw", SET_STRING(kernel)},
    {"initrd", "FILE", kBoot, "the initial RAM disk", SET_STRING(initrd)},
    {"append", "WORDS", kBoot, "the kernel's command line", SET_STRING(append)},
    {"dtb", "FILE", kBoot, "a device tree instead of the generated one", SET_STRING(dtb)},

    {"drive", "file=FILE[,format=raw][,if=none|virtio][,id=ID][,readonly=on][,snapshot=on]", kDevices, "a disk image", set_drive},
    {"device", "DRIVER[,PROPERTY=VALUE]...", kDevices, "a device ('help' lists them; DRIVER,help its properties)", set_device},
    {"serial", "stdio|mon:stdio|null|none|file:F|unix:PATH[,server=on]|pty|chardev:ID", kDevices, "where the serial port goes; default mon:stdio", APPEND(serials)},
    {"chardev", "BACKEND,id=ID[,...]", kDevices, "a character device for -serial or -monitor ('help' lists them)", set_chardev},
    {"mon", "chardev=ID[,mode=readline]", kDevices, "a monitor on that character device", [](Parser& p, const std::string& value) -> Status {
       const OptionList list = OptionList::parse(value, "chardev");
       if (Status ok = list.check_keys("-mon", {"chardev", "mode", "id"}); !ok) return ok;
       if (list.get("mode", "readline") != "readline") return errorf("-mon mode=%s: only readline exists", list.get("mode").c_str());
       p.options.monitor = "chardev:" + list.get("chardev");
       return {};
     }},
    {"monitor", "none|stdio|chardev:ID", kDevices, "where the monitor goes; with mon:stdio it is on Ctrl-A c", SET_STRING(monitor)},
    {"nographic", nullptr, kDevices, "serial port and monitor on this terminal (what happens anyway)", SET_FLAG(nographic)},
    {"display", "none", kDevices, "there is no display", set_display},

    {"s", nullptr, kDebug, "wait for GDB on tcp port 1234", [](Parser& p, const std::string&) -> Status { return set_gdb(p, "tcp::1234"); }},
    {"gdb", "tcp:[HOST]:PORT|unix:PATH", kDebug, "wait for GDB there", set_gdb},
    {"S", nullptr, kDebug, "do not start the CPU; 'cont' in the monitor or GDB starts it", SET_FLAG(freeze)},
    {"no-reboot", nullptr, kDebug, "end instead of rebooting", SET_FLAG(no_reboot)},
    {"no-shutdown", nullptr, kDebug, "stop instead of ending when the guest powers off", SET_FLAG(no_shutdown)},
    {"d", "ITEM[,...]", kDebug, "log these items ('help' lists them)", set_log},
    {"D", "FILE", kDebug, "log to FILE instead of stderr", SET_STRING(log_file)},
    {"trace", "[enable=]PATTERN[,events=FILE][,file=FILE][,ring=N]", kDebug,
     "events of timers and interrupts ('help' lists them), as text or into FILE; with ring= the last N, when the run fails", set_trace},
    {"pidfile", "FILE", kDebug, "write the process id to FILE", SET_STRING(pidfile)},
    {"check", "unit|N", kDebug, "repeat generated code in the interpreter, after each unit or N instructions, and compare",
     [](Parser& p, const std::string& value) -> Status { return set_check(p.options.jit, value); }},
    {"check-determinism", "N", kDebug, "run N times without input and compare every event, the console and the exit status: 0 all the same, 1 not", set_check_determinism},
    {"record", "FILE", kDebug, "record what reaches the guest, and when: -replay FILE runs it again, instruction by instruction", SET_STRING(record)},
    {"replay", "FILE", kDebug, "run what was recorded with the same machine again", SET_STRING(replay)},
    {"interrupt-at", "N[:IRQ]|file=F", kDebug, "after exactly instruction N the virtual clock goes to its next deadline, or interrupt source IRQ gets a pulse", set_interrupt_at},
    {"hold-interrupt", "N..M", kDebug, "no interrupt is taken after instructions N up to M (without M)", set_hold_interrupt},
    {"stats", nullptr, kDebug, "print instructions per second and the JIT's counters at the end", SET_FLAG(stats)},
    {"perfmap", nullptr, kDebug, "write /tmp/perf-PID.map, by which 'perf report' names generated code", SET_FLAG(perfmap)},
    {"strict-masking", nullptr, kDebug, "mask signals with sigprocmask instead of a counter (slow; for tests)", SET_FLAG(strict_masking)},
};

// Known to QEMU's users, without meaning here: the reason, instead of "unknown".
struct RefusedRow {
  const char* name;
  bool takes_value;
  const char* reason;
};
const RefusedRow kRefused[] = {
    {"enable-kvm", false, "there is no hypervisor here, and one thread runs everything; leave it out"},
    {"daemonize", false, "it would fork; start it with '&', setsid or a service manager instead"},
    {"netdev", true, "networking is not built yet"},
    {"net", true, "networking is not built yet"},
    {"nic", true, "networking is not built yet"},
    {"blockdev", true, "use -drive file=FILE,format=raw,if=none,id=ID"},
    {"vnc", true, "there is no graphical display; use -nographic"},
    {"spice", true, "there is no graphical display; use -nographic"},
    {"vga", true, "there is no graphical display; use -nographic"},
    {"qmp", true, "the machine protocol is not built; use the monitor (Ctrl-A c)"},
    {"incoming", true, "migration is not built"},
    {"loadvm", true, "snapshots are not built"},
    {"sandbox", true, "start it under your own seccomp filter: it needs neither clone nor exec"},
    {"runas", true, "start it as the user you want"},
    {"chroot", true, "start it in the root you want"},
    {"usb", false, "there is no USB"},
    {"object", true, "objects are not built"},
    {"fsdev", true, "shared folders are not built"},
    {"virtfs", true, "shared folders are not built"},
    {"pflash", true, "flash is not built"},
    {"hda", true, "use -drive file=FILE,format=raw,if=virtio"},
    {"cdrom", true, "use -drive file=FILE,format=raw,if=virtio,readonly=on"},
    {"soundhw", true, "there is no sound"},
};

std::string help_text() {
  std::string text =
      "usage: monochord [options]\n"
      "Runs a RISC-V machine on one thread. Options are those of qemu-system-riscv64; -opt and --opt are alike.\n";
  const char* group = "";
  for (const OptionRow& row : kOptions) {
    if (strcmp(group, row.group) != 0) {
      group = row.group;
      text += stringf("\n%s:\n", group);
    }
    const std::string left = stringf("-%s%s%s", row.name, row.value ? " " : "", row.value ? row.value : "");
    if (left.size() <= 28) text += stringf("  %-28s %s\n", left.c_str(), row.help);
    else text += stringf("  %s\n  %-28s %s\n", left.c_str(), "", row.help);
  }
  text +=
      "\nWhile it runs: Ctrl-A x ends it, Ctrl-A c switches between console and monitor, Ctrl-A h shows the other keys.\n"
      "Example: monochord -m 512M -kernel Image -initrd initrd.gz -append 'console=ttyS0'\n";
  return text;
}

Status unknown_option(const std::string& name) {
  std::vector<std::string_view> names;
  for (const OptionRow& row : kOptions) names.push_back(row.name);
  const std::string nearest(nearest_name(name, names));
  if (nearest.empty()) return errorf("unknown option -%s; see --help", name.c_str());
  return errorf("unknown option -%s; did you mean -%s? See --help", name.c_str(), nearest.c_str());
}

Status check_together(const Options& o) {
  if (o.kernel.empty()) {
    if (o.append && !o.append->empty()) return errorf("-append needs -kernel: without one nobody reads it");
    if (!o.initrd.empty()) return errorf("-initrd needs -kernel: without one nobody reads it");
  }
  if (o.perfmap && !o.jit.enabled) return errorf("-perfmap names generated code, and -accel interp makes none; leave one of them out");
  if (o.jit.check != 0 && !o.jit.enabled) return errorf("-check compares generated code with the interpreter, and -accel interp makes none; leave one of them out");
  if (!o.record.empty() || !o.replay.empty()) {
    if (!o.record.empty() && !o.replay.empty()) return errorf("-record and -replay: one of them at a time");
    const char* option = o.record.empty() ? "-replay" : "-record";
    if (o.icount.mode == ICOUNT_ADAPTATIVE) return errorf("%s: shift=auto follows the host; leave -icount out to record real time, or give a number as shift", option);
    if (!o.rtc_clock.empty() && o.rtc_clock != "vm") return errorf("%s: the host's clock is not recorded; use -rtc clock=vm or leave it out", option);
    if (o.strict_masking && o.icount.mode == ICOUNT_DISABLED && !o.record.empty())
      return errorf("-record: a slice ends with the alarm, which -strict-masking keeps out of it; leave one of them out");
    if (!o.gdb.empty()) return errorf("%s: what a debugger changes is not recorded; leave -gdb and -s out", option);
  }
  if (o.check_determinism != 0) {
    if (o.icount.mode != ICOUNT_PRECISE && o.replay.empty())
      return errorf("--check-determinism: time is the host's without -icount shift=N (or -replay FILE): add it");
    if (!o.record.empty() || !o.trace.file.empty() || !o.gdb.empty()) return errorf("--check-determinism writes its own traces; leave -record, -trace and -gdb out");
    if (o.monitor.value_or("none") != "none") return errorf("--check-determinism: nobody may type during its runs; leave -monitor out");
  }
  if (!o.schedule.empty() && o.icount.mode != ICOUNT_PRECISE)
    return errorf("--interrupt-at and --hold-interrupt name instructions, which are the same in each run only with -icount shift=N: add it");
  if (Status ok = check_trace_options(o.trace); !ok) return ok;
  if (o.serials.size() > 1) return errorf("-serial: the board has one serial port; it was given %zu times", o.serials.size());
  return {};
}

}  // namespace

Result<Options> parse_options(int argc, char** argv) {
  Parser parser;
  for (int i = 0; i < argc; ++i) parser.options.command_line += (i > 0 ? " " : "") + std::string(argv[i]);
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.size() < 2 || word[0] != '-')
      return errorf("'%s' is not an option; give a disk with -drive file=%s,format=raw,if=virtio or a kernel with -kernel", word.c_str(), word.c_str());
    std::string name = word.substr(word[1] == '-' ? 2 : 1);
    // --option=value as well as --option value: ours that others write like that.
    const size_t equals = word[1] == '-' ? name.find('=') : std::string::npos;
    std::optional<std::string> joined;
    if (equals != std::string::npos) {
      joined = name.substr(equals + 1);
      name.resize(equals);
    }
    const OptionRow* found = nullptr;
    for (const OptionRow& row : kOptions)
      if (name == row.name) found = &row;
    if (found == nullptr) {
      for (const RefusedRow& row : kRefused)
        if (name == row.name) return errorf("-%s is not supported: %s", row.name, row.reason);
      return unknown_option(name).error();
    }
    std::string value;
    if (joined && found->value == nullptr) return errorf("-%s takes no value", found->name);
    if (joined) {
      value = *joined;
    } else if (found->value != nullptr) {
      if (i + 1 >= argc) return errorf("-%s needs a value: -%s %s", found->name, found->name, found->value);
      value = argv[++i];
    }
    if (Status ok = found->handler(parser, value); !ok) return ok.error();
    if (parser.options.action != Options::Action::kRun) return parser.options;
  }
  if (Status ok = check_together(parser.options); !ok) return ok.error();
  defaults_of_time(parser.options);
  return parser.options;
}

}  // namespace monochord
