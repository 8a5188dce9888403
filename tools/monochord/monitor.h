// The monitor: a line of text in, a few lines out. On Ctrl-A c with mon:stdio, on -monitor stdio, and behind GDB's "monitor".
// Main context, BQL held: the harts stand at an instruction boundary while a command runs.
#pragma once

#include <string>
#include <vector>

#include "core/chardev.h"
#include "core/memory.h"

namespace monochord {

// What the commands look at. Set once before the machine runs.
struct MonitorTarget {
  AddressSpace* as = nullptr;
  std::string name;              // -name
};
void monitor_set_target(const MonitorTarget& target);

// Runs one command; returns what it prints (ends in a newline, or is empty).
std::string monitor_command(const std::string& line);

// A monitor on a character backend: prompt, echo, line editing, history.
class Monitor {
 public:
  // `chr` must outlive the monitor.
  explicit Monitor(CharBackend& chr);
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Prints a line and the prompt; without it they come when the monitor first gets the keyboard (Ctrl-A c).
  void greet();

 private:
  void focus_in();
  static void receive(void* opaque, const uint8_t* bytes, size_t size);
  void byte(uint8_t c);
  void escape_byte(uint8_t c);
  void enter();
  void replace_line(const std::string& line);
  void print(const std::string& text);

  CharBackend& chr_;
  bool greeted_ = false;
  std::string line_;
  std::vector<std::string> history_;
  size_t history_at_ = 0;
  enum class Escape { kNone, kEsc, kBracket } escape_ = Escape::kNone;
};

}  // namespace monochord
