// The stub's packets. Framing and sockets are in gdb_socket.cpp.
#include "tools/monochord/gdbstub.h"

#include <algorithm>

#include "core/main_loop.h"
#include "tools/monochord/gdb_hex.h"

namespace monochord {

namespace {

constexpr unsigned kGeneralRegisters = 33;       // x0..x31 and pc: what `g` carries; the others come by `p`
constexpr uint64_t kMemorySizeMax = 0x2000;      // bytes a memory packet may ask for
constexpr char kError[] = "E14";                 // EFAULT
constexpr char kBadRequest[] = "E22";            // EINVAL

// The thread id of a hart in GDB's eyes: threads count from 1.
unsigned thread_of(const Cpu& cpu) { return static_cast<unsigned>(cpu.cpu_index) + 1; }

Cpu* hart_of(uint64_t thread) {
  const std::vector<Cpu*>& harts = cpu_list();
  return thread >= 1 && thread <= harts.size() ? harts[thread - 1] : nullptr;
}

// "-1", "0" (any) or a number; null where there is no such hart.
Cpu* parse_thread(std::string_view& text, Cpu& any) {
  if (text.substr(0, 2) == "-1") {
    text.remove_prefix(2);
    return &any;
  }
  const std::optional<uint64_t> thread = take_hex(text);
  if (!thread) return nullptr;
  return *thread == 0 ? &any : hart_of(*thread);
}

bool starts_with(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

}  // namespace

void GdbStub::stopped(Cpu& cpu, ExecExit why) {
  (void)why;
  hart_ = &cpu;
  if (client_fd_ >= 0 && waiting_for_stop_) send_stop(5);
}

void GdbStub::exited(int status) {
  if (client_fd_ >= 0 && waiting_for_stop_) send_packet(stringf("W%02x", status & 0xff));
}

void GdbStub::send_stop(int signal) {
  waiting_for_stop_ = false;
  send_packet(stringf("T%02xthread:%02x;", signal, thread_of(hart())));
}

void GdbStub::go_on() {
  waiting_for_stop_ = client_fd_ >= 0;
  if (runstate() != RunState::kRunning && runstate() != RunState::kShutdown) vm_start();
}

void GdbStub::step() {
  waiting_for_stop_ = true;
  single_step(hart(), true);
  send_stop(5);
}

bool GdbStub::translate(uint64_t vaddr, uint64_t* paddr) const {
  if (!physical_) return hart().debug_translate(vaddr, paddr);
  *paddr = vaddr;
  return true;
}

void GdbStub::handle_packet(const std::string& packet) {
  if (packet.empty()) return send_packet("");
  const std::string rest = packet.substr(1);
  std::string_view text = rest;
  switch (packet[0]) {
    case '?':
      waiting_for_stop_ = true;
      if (runstate() == RunState::kRunning) vm_stop(RunState::kDebug);
      return send_stop(5);
    case 'g': return send_packet(read_registers());
    case 'G': return send_packet(write_registers(rest));
    case 'p': return send_packet(read_register(rest));
    case 'P': return send_packet(write_register(rest));
    case 'm': return send_packet(read_memory(rest));
    case 'M': return send_packet(write_memory(rest, false));
    case 'X': return send_packet(write_memory(rest, true));
    case 'z':
    case 'Z': return send_packet(breakpoint(packet));
    case 'c':
      if (const std::optional<uint64_t> pc = take_hex(text)) hart().set_pc(*pc);
      return go_on();
    case 's':
      if (const std::optional<uint64_t> pc = take_hex(text)) hart().set_pc(*pc);
      return step();
    case 'C': return go_on();  // signals mean nothing to a machine
    case 'S': return step();
    case 'H': {
      text.remove_prefix(text.empty() ? 0 : 1);
      Cpu* cpu = parse_thread(text, hart());
      if (cpu == nullptr) return send_packet(kBadRequest);
      if (rest[0] == 'g') hart_ = cpu;
      return send_packet("OK");
    }
    case 'T': return send_packet(parse_thread(text, hart()) != nullptr ? "OK" : kBadRequest);
    case 'D':
      send_packet("OK");
      drop_client();
      return go_on();
    case 'k':
      drop_client();
      return qemu_system_shutdown_request(ShutdownCause::kHostQuit, 0);
    case 'q':
    case 'Q': return send_packet(query(packet));
    case 'v':
      if (packet == "vCont?") return send_packet("vCont;c;C;s;S");
      if (starts_with(packet, "vCont;")) return vcont(packet.substr(6));
      if (starts_with(packet, "vKill")) {
        send_packet("OK");
        drop_client();
        return qemu_system_shutdown_request(ShutdownCause::kHostQuit, 0);
      }
      return send_packet("");
    default: return send_packet("");  // not supported, says the protocol
  }
}

// vCont;s:1;c — an action for each hart: a step of one hart wins over going on with the others.
void GdbStub::vcont(const std::string& actions) {
  bool go = false;
  std::string_view text = actions;
  while (!text.empty()) {
    const char action = text[0];
    text.remove_prefix(1);
    if (action == 'C' || action == 'S') take_hex(text);
    Cpu* cpu = &hart();
    if (take_char(text, ':')) cpu = parse_thread(text, hart());
    if (cpu == nullptr) return send_packet(kBadRequest);
    if (action == 's' || action == 'S') {
      hart_ = cpu;
      return step();
    }
    if (action != 'c' && action != 'C') return send_packet(kBadRequest);
    go = true;
    if (!take_char(text, ';') && !text.empty()) return send_packet(kBadRequest);
  }
  if (go) go_on();
  else send_packet(kBadRequest);
}

std::string GdbStub::query(const std::string& packet) {
  if (starts_with(packet, "qSupported"))
    return "PacketSize=4000;qXfer:features:read+;vContSupported+;QStartNoAckMode+;swbreak-;hwbreak-;multiprocess-";
  if (packet == "QStartNoAckMode") {
    ack_ = false;
    return "OK";
  }
  if (starts_with(packet, "qXfer:features:read:")) return transfer_features(packet.substr(20));
  if (packet == "qAttached") return "1";
  if (packet == "qC") return stringf("QC%02x", thread_of(hart()));
  if (packet == "qfThreadInfo") {
    std::string threads = "m";
    for (Cpu* cpu : cpu_list()) threads += stringf("%s%02x", threads.size() > 1 ? "," : "", thread_of(*cpu));
    return threads;
  }
  if (packet == "qsThreadInfo") return "l";
  if (starts_with(packet, "qThreadExtraInfo,")) {
    std::string_view text = std::string_view(packet).substr(17);
    const Cpu* cpu = parse_thread(text, hart());
    if (cpu == nullptr) return kBadRequest;
    const std::string info = stringf("hart %d [%s]", cpu->cpu_index, cpu->halted ? "halted" : "running");
    return to_hex(info.data(), info.size());
  }
  if (packet == "qqemu.PhyMemMode") return physical_ ? "1" : "0";
  if (starts_with(packet, "Qqemu.PhyMemMode:")) {
    physical_ = packet.back() == '1';
    return "OK";
  }
  if (starts_with(packet, "qRcmd,")) {
    const std::optional<std::string> line = from_hex(std::string_view(packet).substr(6));
    if (!line) return kBadRequest;
    const std::string output = run_command_(*line);
    // Console output goes in O packets; the reply itself ends the command.
    for (size_t i = 0; i < output.size(); i += 1000) {
      const std::string piece = output.substr(i, 1000);
      send_packet(stringf("O%s", to_hex(piece.data(), piece.size()).c_str()));
    }
    return "OK";
  }
  return "";
}

// "ANNEX:OFFSET,LENGTH" of qXfer:features:read.
std::string GdbStub::transfer_features(const std::string& request) const {
  const size_t colon = request.find(':');
  if (colon == std::string::npos) return kBadRequest;
  const std::string xml = hart().gdb_target_xml(request.substr(0, colon));
  std::string_view text = std::string_view(request).substr(colon + 1);
  const std::optional<uint64_t> offset = take_hex(text);
  if (!offset || !take_char(text, ',')) return kBadRequest;
  const std::optional<uint64_t> length = take_hex(text);
  if (!length || xml.empty() || *offset > xml.size()) return kBadRequest;
  const uint64_t size = std::min<uint64_t>({*length, xml.size() - *offset, kMemorySizeMax});
  std::string reply = *offset + size < xml.size() ? "m" : "l";
  for (char c : std::string_view(xml).substr(*offset, size)) {
    if (c == '#' || c == '$' || c == '}' || c == '*') {
      reply += '}';
      c = static_cast<char>(c ^ 0x20);
    }
    reply += c;
  }
  return reply;
}

std::string GdbStub::read_registers() {
  std::string bytes;
  for (unsigned i = 0; i < kGeneralRegisters; ++i) hart().gdb_read_register(i, &bytes);
  return to_hex(bytes.data(), bytes.size());
}

std::string GdbStub::write_registers(const std::string& hex) {
  const std::optional<std::string> bytes = from_hex(hex);
  if (!bytes || bytes->size() < kGeneralRegisters * 8) return kBadRequest;
  for (unsigned i = 0; i < kGeneralRegisters; ++i) hart().gdb_write_register(i, reinterpret_cast<const uint8_t*>(bytes->data()) + 8 * i, 8);
  return "OK";
}

std::string GdbStub::read_register(const std::string& packet) {
  std::string_view text = packet;
  const std::optional<uint64_t> number = take_hex(text);
  std::string bytes;
  if (!number || *number > 0xffff || !hart().gdb_read_register(static_cast<unsigned>(*number), &bytes)) return kError;
  return to_hex(bytes.data(), bytes.size());
}

std::string GdbStub::write_register(const std::string& packet) {
  std::string_view text = packet;
  const std::optional<uint64_t> number = take_hex(text);
  if (!number || *number > 0xffff || !take_char(text, '=')) return kBadRequest;
  const std::optional<std::string> bytes = from_hex(text);
  if (!bytes || bytes->empty()) return kBadRequest;
  const bool ok = hart().gdb_write_register(static_cast<unsigned>(*number), reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size());
  return ok ? "OK" : kError;
}

std::string GdbStub::read_memory(const std::string& packet) {
  std::string_view text = packet;
  const std::optional<uint64_t> address = take_hex(text);
  if (!address || !take_char(text, ',')) return kBadRequest;
  const std::optional<uint64_t> length = take_hex(text);
  if (!length || *length > kMemorySizeMax) return kBadRequest;
  std::string bytes(*length, '\0');
  for (uint64_t done = 0; done < *length;) {
    const uint64_t vaddr = *address + done;
    const uint64_t piece = std::min<uint64_t>(*length - done, 0x1000 - (vaddr & 0xfff));
    uint64_t paddr = 0;
    if (!translate(vaddr, &paddr) || as_.debug_read(paddr, bytes.data() + done, piece) != MemTxResult::kOk) {
      if (done == 0) return kError;
      bytes.resize(done);  // what is there
      break;
    }
    done += piece;
  }
  return to_hex(bytes.data(), bytes.size());
}

std::string GdbStub::write_memory(const std::string& packet, bool binary) {
  std::string_view text = packet;
  const std::optional<uint64_t> address = take_hex(text);
  if (!address || !take_char(text, ',')) return kBadRequest;
  const std::optional<uint64_t> length = take_hex(text);
  if (!length || *length > kMemorySizeMax || !take_char(text, ':')) return kBadRequest;
  std::string bytes;
  if (binary) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '}' && i + 1 < text.size()) bytes += static_cast<char>(text[++i] ^ 0x20);
      else bytes += text[i];
    }
  } else if (const std::optional<std::string> decoded = from_hex(text)) {
    bytes = *decoded;
  }
  if (bytes.size() != *length) return kBadRequest;
  for (uint64_t done = 0; done < bytes.size();) {
    const uint64_t vaddr = *address + done;
    const uint64_t piece = std::min<uint64_t>(bytes.size() - done, 0x1000 - (vaddr & 0xfff));
    uint64_t paddr = 0;
    if (!translate(vaddr, &paddr) || as_.rom_write(paddr, bytes.data() + done, piece) != MemTxResult::kOk) return kError;
    for (Cpu* cpu : cpu_list()) cpu->code_written(paddr, piece);
    done += piece;
  }
  return "OK";
}

// Z0/Z1,addr,kind: software and hardware breakpoints are the same here; nothing is written into guest memory.
std::string GdbStub::breakpoint(const std::string& packet) {
  const bool insert = packet[0] == 'Z';
  if (packet.size() < 3 || (packet[1] != '0' && packet[1] != '1')) return "";  // watchpoints: not supported
  std::string_view text = std::string_view(packet).substr(2);
  if (!take_char(text, ',')) return kBadRequest;
  const std::optional<uint64_t> pc = take_hex(text);
  if (!pc) return kBadRequest;
  const auto found = std::find(breakpoints_.begin(), breakpoints_.end(), *pc);
  if (insert && found == breakpoints_.end()) {
    breakpoints_.push_back(*pc);
    for (Cpu* cpu : cpu_list()) cpu->insert_breakpoint(*pc);
  } else if (!insert && found != breakpoints_.end()) {
    breakpoints_.erase(found);
    for (Cpu* cpu : cpu_list()) cpu->remove_breakpoint(*pc);
  }
  return "OK";
}

}  // namespace monochord
