// `stats` as text and as JSON.
#include "tools/monochord-trace/stats.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

namespace {

void print_histogram(Output& output, const char* title, const Histogram& histogram, bool time, const char* how) {
  output.print("\n%s\n  (%s)\n", title, how);
  if (histogram.count() == 0) return output.write("  none\n");
  const auto text = [time](double value) { return time ? duration_text(value) : stringf("%.0f", value); };
  output.print("  %llu: min %s, mean %s, 50%% %s, 90%% %s, 99%% %s, max %s\n", static_cast<unsigned long long>(histogram.count()),
               text(static_cast<double>(histogram.min())).c_str(), text(histogram.mean()).c_str(),
               text(static_cast<double>(histogram.percentile(50))).c_str(), text(static_cast<double>(histogram.percentile(90))).c_str(),
               text(static_cast<double>(histogram.percentile(99))).c_str(), text(static_cast<double>(histogram.max())).c_str());
  output.write(histogram.bars(time));
}

// What masked time is derived from; a trace that lacks a part of it cannot tell.
const char* missing_for_masked(const Reader& reader) {
  if (!reader.has(kTrace_trap_entered)) return "trap_entered";
  if (!reader.has(kTrace_mret)) return "mret";
  if (!reader.has(kTrace_sret)) return "sret";
  return reader.has(kTrace_csr_write) ? nullptr : "csr_write";
}

double mean_period(const TimerStats& timer) {
  return timer.fired < 2 ? 0 : (static_cast<double>(timer.last_ns) - static_cast<double>(timer.first_ns)) / static_cast<double>(timer.fired - 1);
}

}  // namespace

void print_stats(const Reader& reader, const Stats& stats, Output& output) {
  output.print("%s: %s stream, %llu events%s\n", reader.name().c_str(), reader.host() ? "host" : "guest",
               static_cast<unsigned long long>(stats.events), reader.ring() ? " (a ring: the last ones only)" : "");
  if (stats.events == 0) return;
  output.print("instructions %llu to %llu, virtual time %lldns to %lldns\n\n", static_cast<unsigned long long>(stats.first.instruction),
               static_cast<unsigned long long>(stats.last.instruction), static_cast<long long>(stats.first.ns),
               static_cast<long long>(stats.last.ns));
  for (size_t i = 0; i < stats.counts.size(); i++)
    if (stats.counts[i] != 0) output.print("  %-22s %10llu\n", reader.schema()[i].name.c_str(), static_cast<unsigned long long>(stats.counts[i]));
  print_histogram(output, "deadline to fired", stats.late, true, "`late` of timer_fired and host_timer_fired, by the timer's own clock");
  print_histogram(output, "pending to taken, instructions", stats.pending_instructions, false, "`distance` of interrupt_taken");
  const std::string edge = stringf("from the last interrupt_pending of hart and cause to interrupt_taken; taken without one in between: %llu",
                                   static_cast<unsigned long long>(stats.taken_without_edge));
  print_histogram(output, "pending to taken, time", stats.pending_ns, true, edge.c_str());
  if (const char* missing = missing_for_masked(reader)) {
    output.print("\ntime with interrupts masked\n  (not derived: %s was not traced)\n", missing);
  } else {
    const char* rest = "; known from traps, returns and writes of mstatus and sstatus; counted where begin and end are in the trace";
    const std::string how_m = std::string("in M-mode with MIE off") + rest;
    const std::string how_s = std::string("in M-mode, or in S-mode with SIE off; what S handles cannot be taken then") + rest;
    print_histogram(output, "masked for M, time", stats.m.ns, true, how_m.c_str());
    print_histogram(output, "masked for M, instructions", stats.m.instructions, false, "the same");
    print_histogram(output, "masked for S, time", stats.s.ns, true, how_s.c_str());
    print_histogram(output, "masked for S, instructions", stats.s.instructions, false, "the same");
  }
  if (stats.timers.empty()) return;
  output.write("\ntimers                          armed  cancelled      fired  mean period   mean late    max late\n");
  for (const auto& [name, timer] : stats.timers) {
    output.print("  %-24s %10llu %10llu %10llu", name.c_str(), static_cast<unsigned long long>(timer.armed),
                 static_cast<unsigned long long>(timer.cancelled), static_cast<unsigned long long>(timer.fired));
    if (timer.fired == 0) {
      output.write("            -           -           -\n");
      continue;
    }
    output.print(" %12s %11s %11s\n", timer.fired < 2 ? "-" : duration_text(mean_period(timer)).c_str(), duration_text(timer.late.mean()).c_str(),
                 duration_text(static_cast<double>(timer.late.max())).c_str());
  }
}

void print_stats_json(const Reader& reader, const Stats& stats, Output& output) {
  output.print("{\"stream\":\"%s\",\"ring\":%s,\"closed\":%s,\"events\":%llu,\n", reader.host() ? "host" : "guest", reader.ring() ? "true" : "false",
               reader.closed() ? "true" : "false", static_cast<unsigned long long>(stats.events));
  output.write("\"counts\":{");
  const char* comma = "";
  for (size_t i = 0; i < stats.counts.size(); i++) {
    if (stats.counts[i] == 0) continue;
    output.print("%s\"%s\":%llu", comma, reader.schema()[i].name.c_str(), static_cast<unsigned long long>(stats.counts[i]));
    comma = ",";
  }
  output.print("},\n\"late_ns\":%s,\n\"pending_instructions\":%s,\n\"pending_ns\":%s,\n\"taken_without_edge\":%llu,\n", stats.late.json().c_str(),
               stats.pending_instructions.json().c_str(), stats.pending_ns.json().c_str(), static_cast<unsigned long long>(stats.taken_without_edge));
  if (const char* missing = missing_for_masked(reader)) {
    output.print("\"masked\":null,\"masked_missing\":\"%s\",\n", missing);
  } else {
    output.print("\"masked\":{\"m_ns\":%s,\n\"m_instructions\":%s,\n\"s_ns\":%s,\n\"s_instructions\":%s},\n", stats.m.ns.json().c_str(),
                 stats.m.instructions.json().c_str(), stats.s.ns.json().c_str(), stats.s.instructions.json().c_str());
  }
  output.write("\"timers\":{");
  comma = "";
  for (const auto& [name, timer] : stats.timers) {
    output.print("%s\n%s:{\"armed\":%llu,\"cancelled\":%llu,\"fired\":%llu,\"mean_period_ns\":%.3f,\"late_ns\":%s}", comma, json_string(name).c_str(),
                 static_cast<unsigned long long>(timer.armed), static_cast<unsigned long long>(timer.cancelled),
                 static_cast<unsigned long long>(timer.fired), mean_period(timer), timer.late.json().c_str());
    comma = ",";
  }
  output.write("}}\n");
}

}  // namespace monochord::trace
