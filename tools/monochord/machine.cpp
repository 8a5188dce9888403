#include "tools/monochord/machine.h"

#include <qemu/timer.h>

#include <unistd.h>

#include <cinttypes>

#include "core/log.h"
#include "core/main_loop.h"
#include "core/symbols.h"
#include "port/posix/block_file.h"
#include "tcg/jit/counters.h"
#include "tools/monochord/firmware.h"
#include "tools/monochord/rtc_base.h"

namespace monochord {

Status Machine::open_drives() {
  for (const OptionList& list : options_.drives) {
    BlockFileOptions file;
    file.path = list.get("file");
    file.id = list.get("id", stringf("virtio%zu", drives_.size()));
    const Result<bool> read_only = parse_bool("-drive readonly", list.get("readonly", "off"));
    if (!read_only) return read_only.error();
    const Result<bool> snapshot = parse_bool("-drive snapshot", list.get("snapshot", "off"));
    if (!snapshot) return snapshot.error();
    file.read_only = read_only.value();
    file.snapshot = snapshot.value();
    for (const Drive& other : drives_)
      if (other.id == file.id) return errorf("-drive id=%s: the id is taken", file.id.c_str());
    Result<std::unique_ptr<BlockBackend>> backend = open_block_file(file);
    if (!backend) return backend.error();
    drives_.push_back({file.id, list.get("if", "virtio"), std::move(*backend), false});
  }
  return {};
}

Status Machine::attach_devices(VirtBoardConfig& config) {
  for (const OptionList& list : options_.devices) {
    PropertyList properties;
    std::string driver, drive;
    for (const auto& [key, value] : list.items()) {
      if (key == "driver") driver = value;
      else if (key == "drive" && driver != "loader") drive = value;
      else properties.emplace_back(key, value);
    }
    if (driver == "loader") {
      Result<LoaderDevice> loader = LoaderDevice::create(properties);
      if (!loader) return loader.error();
      config.loaders.push_back(std::move(*loader));
      continue;
    }
    VirtioDeviceConfig device{driver, properties, nullptr};
    if (!drive.empty()) {
      Drive* found = nullptr;
      for (Drive& candidate : drives_)
        if (candidate.id == drive) found = &candidate;
      if (found == nullptr) return errorf("-device %s,drive=%s: there is no -drive with id=%s", driver.c_str(), drive.c_str(), drive.c_str());
      if (found->used) return errorf("-device %s,drive=%s: the drive is in use already", driver.c_str(), drive.c_str());
      found->used = true;
      device.block = found->backend.get();
    }
    config.virtio.push_back(std::move(device));
  }
  // -drive if=virtio brings its own device.
  for (Drive& drive : drives_) {
    if (drive.used || drive.interface != "virtio") continue;
    drive.used = true;
    config.virtio.push_back({"virtio-blk-device", {}, drive.backend.get()});
  }
  return {};
}

// Names for -d in_asm and -perfmap. What can't be read is said by whoever loads it.
void Machine::load_symbols(const std::string& bios) const {
  for (const std::string& path : {bios, options_.kernel}) {
    if (path.empty()) continue;
    if (const Result<FileImage> file = FileImage::open(path)) guest_symbols().add(file.value());
  }
}

// SplitMix64: the same bytes for the same -seed.
void Machine::fill_random(void* buffer, size_t size) {
  uint8_t* const bytes = static_cast<uint8_t*>(buffer);
  for (size_t i = 0; i < size; i++) {
    uint64_t z = random_state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    bytes[i] = static_cast<uint8_t>(z >> 56);
  }
}

Status Machine::build() {
  system_.init_container("system", UINT64_MAX);
  as_ = std::make_unique<AddressSpace>("memory", system_);
  Result<CpuConfig> cpu = parse_cpu_model(options_.cpu);
  if (!cpu) return cpu.error();
  std::vector<RiscvHartPort> ports;
  harts_.push_back(std::make_unique<RiscvCpu>(0, *cpu, *as_));
  ports.push_back(harts_.back()->port());

  VirtBoardConfig config;
  config.ram_size = options_.ram_bytes;
  Result<std::string> bios = find_firmware(options_);
  if (!bios) return bios.error();
  config.bios = *bios;
  if (options_.perfmap || log_enabled(kLogInAsm | kLogOp | kLogOutAsm)) load_symbols(*bios);
  config.kernel = options_.kernel;
  config.initrd = options_.initrd;
  config.append = options_.append.value_or("");
  config.dtb = options_.dtb;
  config.dumpdtb = options_.dumpdtb;
  config.force_legacy = options_.force_legacy;
  config.rtc_clock = options_.rtc_clock == "vm" ? QEMU_CLOCK_VIRTUAL : options_.rtc_clock == "rt" ? QEMU_CLOCK_REALTIME : QEMU_CLOCK_HOST;
  const Result<std::optional<int64_t>> base = parse_rtc_base(options_.rtc_base);
  if (!base) return base.error();
  config.rtc_base_ns = options_.rtc_base_ns ? options_.rtc_base_ns : base.value();
  if (options_.seed) {
    random_state_ = *options_.seed;
    config.rng = [](void* opaque, void* buffer, size_t size) { static_cast<Machine*>(opaque)->fill_random(buffer, size); };
    config.rng_opaque = this;
  }
  if (Status ok = open_drives(); !ok) return ok;
  if (Status ok = attach_devices(config); !ok) return ok;
  if (options_.dumpdtb.empty()) {
    // The terminal changes last: an error before this line leaves it alone.
    Result<std::unique_ptr<Consoles>> consoles = Consoles::open(options_);
    if (!consoles) return consoles.error();
    consoles_ = std::move(*consoles);
    if (consoles_->serial() != nullptr) serial_input_ = std::make_unique<InputGate>("serial0", *consoles_->serial());
    config.serial0 = serial_input_.get();
  }
  board_ = std::make_unique<VirtBoard>(*as_, system_);
  if (Status ok = board_->init(std::move(config), ports); !ok) return ok;
  monitor_set_target({as_.get(), options_.name});
  for (const std::string& spec : options_.gdb) {
    Result<std::unique_ptr<GdbStub>> stub = GdbStub::listen(spec, *as_, monitor_command);
    if (!stub) return stub.error();
    gdb_.push_back(std::move(*stub));
  }
  return {};
}

Result<std::unique_ptr<Machine>> Machine::create(const Options& options) {
  std::unique_ptr<Machine> machine(new Machine(options));
  if (Status ok = machine->build(); !ok) return ok.error();
  return machine;
}

Machine::~Machine() = default;

void Machine::on_debug(void* opaque, Cpu& cpu, ExecExit why) {
  for (const std::unique_ptr<GdbStub>& stub : static_cast<Machine*>(opaque)->gdb_) stub->stopped(cpu, why);
}

void Machine::print_stats(int64_t run_ns) const {
  const uint64_t count = total_instructions();
  const double seconds = static_cast<double>(run_ns) / 1e9;
  error_report("%" PRIu64 " instructions in %.3f s, %.1f million a second", count, seconds, seconds > 0 ? static_cast<double>(count) / seconds / 1e6 : 0.0);
  if (!options_.jit.enabled) return;
  const std::string table = jit_report();
  write_all(STDERR_FILENO, table.data(), table.size());
}

int Machine::run() {
  qemu_system_reset();
  schedule_start(
      options_.schedule, [](void* board, unsigned irq) { return static_cast<VirtBoard*>(board)->pulse_irq(irq); }, board_.get());
  if (!options_.freeze) vm_start();
  RunOptions run;
  run.reset_is_shutdown = options_.no_reboot;
  run.guest_shutdown_stops = options_.no_shutdown;
  run.deadlock_ends = true;
  run.on_debug = on_debug;
  run.opaque = this;
  const int64_t start_ns = get_clock();
  int status = run_loop(run);
  if (!schedule_end()) status = 1;
  const int64_t run_ns = get_clock() - start_ns;
  for (const std::unique_ptr<GdbStub>& stub : gdb_) stub->exited(status);
  consoles_->flush();
  if (options_.stats) print_stats(run_ns);
  return status;
}

}  // namespace monochord
