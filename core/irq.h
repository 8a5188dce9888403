// An IrqLine is the source's end of one interrupt line: a level that goes from one source to one sink.
// Rules: set() is idempotent (the sink hears changes only); connect once, before the machine runs; the BQL is held or we are
// in handler context. The sink must not touch hart-private state (cpu_interrupt() and the PLIC's own state are fine).
#pragma once

#include "core/bql.h"
#include "core/trace.h"

namespace monochord {

class IrqLine {
 public:
  using Handler = void (*)(void* opaque, int n, int level);

  IrqLine() = default;
  IrqLine(const IrqLine&) = delete;
  IrqLine& operator=(const IrqLine&) = delete;

  // `n` is handed to the sink with each change: its own number for this line. `sink` (static text) is what traces call it.
  void connect(Handler handler, void* opaque, int n, const char* sink = "irq") {
    CHECK(handler_ == nullptr);
    sink_ = sink;
    handler_ = handler;
    opaque_ = opaque;
    n_ = n;
  }
  bool connected() const { return handler_ != nullptr; }
  int number() const { return n_; }
  int level() const { return level_; }

  void set(int level) {
    DCHECK(bql_locked());
    level = level != 0;
    if (level == level_) return;
    level_ = level;
    trace_irq_line(sink_, n_, level);
    if (handler_ != nullptr) handler_(opaque_, n_, level);
  }
  void raise() { set(1); }
  void lower() { set(0); }
  void pulse() {
    set(1);
    set(0);
  }

 private:
  Handler handler_ = nullptr;
  void* opaque_ = nullptr;
  const char* sink_ = "nobody";
  int n_ = -1;
  int level_ = 0;
};

}  // namespace monochord
