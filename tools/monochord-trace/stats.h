// What `stats` derives from one pass over a trace; printing is stats_text.cpp's.
#pragma once

#include <map>
#include <string>

#include "tools/monochord-trace/hart_state.h"
#include "tools/monochord-trace/histogram.h"
#include "tools/monochord-trace/output.h"
#include "tools/monochord-trace/reader.h"

namespace monochord::trace {

struct TimerStats {
  uint64_t armed = 0, cancelled = 0, fired = 0;
  int64_t first_ns = 0, last_ns = 0;  // of firing
  Histogram late;
};

// How long a hart kept interrupts of one kind out: from the event that masked them to the one that opened.
struct Masked {
  enum { kUnknown, kOpen, kMasked } state = kUnknown;
  uint64_t since_instruction = 0;
  int64_t since_ns = 0;
  Histogram instructions, ns;
};

struct Stats {
  std::vector<uint64_t> counts;  // by number of the event
  uint64_t events = 0;
  Event first, last;
  std::map<std::string, TimerStats> timers;
  Histogram late;                  // timer_fired and host_timer_fired
  Histogram pending_instructions;  // the field `distance`
  Histogram pending_ns;            // from the last interrupt_pending of that hart and cause
  uint64_t taken_without_edge = 0;
  struct Hart {
    HartState state;
    Masked m, s;
    std::map<uint64_t, int64_t> pending;  // since when, by cause
  };
  std::map<uint64_t, Hart> harts;
  Masked m, s;  // of all harts together: the histograms only

  void add(const Schema& schema, const Event& event);

 private:
  void add_timer(const Schema& schema, const Event& event);
  void add_interrupt(const Schema& schema, const Event& event);
};

void print_stats(const Reader& reader, const Stats& stats, Output& output);
void print_stats_json(const Reader& reader, const Stats& stats, Output& output);

}  // namespace monochord::trace
