// The GDB stub: GDB's remote serial protocol over tcp or a unix socket, one client at a time.
//
// Rules
// - Main context, BQL held: the sockets' callbacks are bottom halves between slices, so the harts stand at an instruction boundary.
// - A client that connects stops the machine; when it detaches or its connection breaks, the machine goes on.
// - Stepping is exactly one instruction, with interrupts held off, as in QEMU's default.
// - Everything a client sends is checked: a bad packet gets an error reply, never a crash.
// Source: Debugging with GDB, appendix E (Remote Serial Protocol), G (Target Descriptions).
#pragma once

#include <memory>
#include <string>

#include "core/cpu.h"
#include "core/memory.h"
#include "core/result.h"

namespace monochord {

class GdbStub {
 public:
  // `spec`: "tcp:[HOST]:PORT" or "unix:PATH[,server=on][,wait=off]". `as` and the harts must outlive the stub. `run_command` executes a monitor
  // command for GDB's "monitor" and returns its output.
  static Result<std::unique_ptr<GdbStub>> listen(const std::string& spec, AddressSpace& as, std::string (*run_command)(const std::string& line));
  ~GdbStub();
  GdbStub(const GdbStub&) = delete;
  GdbStub& operator=(const GdbStub&) = delete;

  // The run loop stopped at a breakpoint.
  void stopped(Cpu& cpu, ExecExit why);
  // The machine ends: the client is told the exit status.
  void exited(int status);

 private:
  GdbStub(int fd, std::string unix_path, AddressSpace& as, std::string (*run_command)(const std::string&));
  static void on_accept(void* opaque);
  static void on_readable(void* opaque);
  void accept_client();
  void read_client();
  void read_packets();
  void drop_client();
  void byte(uint8_t c);
  void handle_packet(const std::string& packet);
  void send_packet(const std::string& data);
  void send_raw(const char* data, size_t size);
  void send_stop(int signal);
  void go_on();
  void step();

  std::string query(const std::string& packet);
  std::string transfer_features(const std::string& request) const;
  std::string read_registers();
  std::string write_registers(const std::string& hex);
  std::string read_register(const std::string& packet);
  std::string write_register(const std::string& packet);
  std::string read_memory(const std::string& packet);
  std::string write_memory(const std::string& packet, bool binary);
  std::string breakpoint(const std::string& packet);
  void vcont(const std::string& packet);
  bool translate(uint64_t vaddr, uint64_t* paddr) const;
  Cpu& hart() const { return *hart_; }

  int listen_fd_;
  int client_fd_ = -1;
  std::string unix_path_;
  AddressSpace& as_;
  std::string (*run_command_)(const std::string&);
  Cpu* hart_;                    // the one that register and memory packets mean
  enum class Parse { kIdle, kData, kChecksum1, kChecksum2 } parse_ = Parse::kIdle;
  std::string packet_;
  uint8_t sum_ = 0, sum_sent_ = 0;
  bool ack_ = true;
  bool reading_ = false;           // read_client() is on the stack
  bool waiting_for_stop_ = false;  // the client said continue and expects a stop reply
  bool physical_ = false;          // memory packets mean physical addresses
  std::vector<uint64_t> breakpoints_;
};

}  // namespace monochord
