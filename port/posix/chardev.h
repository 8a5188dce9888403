// Where the bytes of serial ports and monitors go to: the character backends of the command line (core/chardev.h), and the multiplexer behind
// mon:stdio.
//
// Rules
// - Main context, BQL held. Nothing blocks, except a write whose host-side queue (64 KiB) is full, and a server with wait=on at start-up.
// - Output that nobody will ever read (a closed stdout, a broken pipe, a full disk) is dropped after one warning; the guest never notices.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>

#include "core/chardev.h"
#include "core/result.h"
#include "port/posix/terminal.h"

namespace monochord {

// `spec` as in -serial: "stdio", "null", "none", "pty", "file:PATH", "unix:PATH[,server=on|off][,wait=on|off]" ("server" and "nowait" alone
// are understood too). `label` ("serial0") is for messages. "mon:..." is the caller's: make the rest and put a CharMux on it.
Result<std::unique_ptr<CharBackend>> make_chardev(const std::string& spec, const std::string& label);

// -chardev stdio[,signal=on|off]: stdio whose terminal keys are as said. Only one backend may have stdin and stdout.
Result<std::unique_ptr<CharBackend>> make_stdio_chardev(TerminalMode mode);
Result<std::unique_ptr<CharBackend>> make_file_chardev(const std::string& path, bool append);
Result<std::unique_ptr<CharBackend>> make_pty_chardev(const std::string& label);
struct UnixSocketOptions {
  std::string path;
  bool server = false;
  bool wait = true;  // a server waits for its first client
};
Result<std::unique_ptr<CharBackend>> make_unix_chardev(const UnixSocketOptions& options, const std::string& label);
std::unique_ptr<CharBackend> make_null_chardev();

// Several front ends (serial port, monitor) on one backend, QEMU's Ctrl-A keys: c switches, x quits, h helps, b sends a break, s asks to save
// disks, t switches time stamps, Ctrl-A sends itself. The first front end has the keyboard at first. Escape keys work also while the guest reads
// nothing: what it does not take is queued here.
class CharMux {
 public:
  explicit CharMux(std::unique_ptr<CharBackend> backend);
  ~CharMux();
  CharMux(const CharMux&) = delete;
  CharMux& operator=(const CharMux&) = delete;

  // A new front end; owned by the mux, lives as long as it. At most four.
  CharBackend& add_front_end();
  // Ctrl-A s; without it the key is commit_all_block_files() (port/posix/block_file.h).
  void set_save_handler(void (*save)(void* opaque), void* opaque);

 private:
  class FrontEnd;
  static size_t on_can_receive(void* opaque);
  static void on_receive(void* opaque, const uint8_t* bytes, size_t size);
  void key(uint8_t c);
  void command(uint8_t c);
  void queue(uint8_t c);
  void drain();
  void set_focus(size_t index);
  void print(const char* text);
  void write(const uint8_t* bytes, size_t size);
  void write_stamp();

  std::unique_ptr<CharBackend> backend_;
  std::array<std::unique_ptr<FrontEnd>, 4> front_ends_;
  size_t count_ = 0;
  size_t focus_ = 0;
  bool escaped_ = false;       // the last key was Ctrl-A
  bool stamps_ = false;
  bool line_start_ = true;
  int64_t stamps_from_ms_ = -1;
  void (*save_)(void* opaque) = nullptr;
  void* save_opaque_ = nullptr;
};

}  // namespace monochord
