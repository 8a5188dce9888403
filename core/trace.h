// Trace points: events for programs, as one table (core/trace_events.inc). Text for people is core/log.h.
//
// trace_NAME(label, numbers...) exists for each line of the table. Switched off it costs one test of a global; switched on it hands a
// TraceRecord to the sink, which stamps it (instruction count, virtual time, sequence number) and writes it where it likes.
//
// Rules
// - Any context, with the mask held; a sink allocates and locks nothing that the handler may have interrupted (the BQL's rules do that).
// - Texts are static or outlive the trace. Numbers are cheap to get: they are computed even when the event is off.
// - An event of the guest stream carries nothing from the host: no address, time or pid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/result.h"

namespace monochord {

enum TraceEvent : uint8_t {
#define TRACE_EVENT(name, stream, label, fields, meaning) kTrace_##name,
#include "core/trace_events.inc"
#undef TRACE_EVENT
  kTraceEventCount
};
static_assert(kTraceEventCount <= 64, "trace_mask has a bit an event");

enum class TraceStream : uint8_t { kGuest, kHost };

struct TraceEventInfo {
  std::string_view name;
  TraceStream stream;
  std::string_view label;   // name of the text argument, or empty
  std::string_view fields;  // "name:format ..."
  std::string_view meaning;
};
inline constexpr TraceEventInfo kTraceEvents[] = {
#define TRACE_EVENT(name, stream, label, fields, meaning) {#name, TraceStream::stream, label, fields, meaning},
#include "core/trace_events.inc"
#undef TRACE_EVENT
};

constexpr unsigned kTraceNumbersMax = 4;

struct TraceRecord {
  TraceEvent event;
  const char* text;                    // the label's, or null
  uint64_t numbers[kTraceNumbersMax];  // as many as the event has fields; signed ones as two's complement
};

extern uint64_t trace_mask;  // which events are on: bit 1 << TraceEvent

// For what a number costs to find out: ask first.
inline bool trace_event_on(TraceEvent event) { return __builtin_expect((trace_mask >> event & 1) != 0, 0); }
constexpr uint64_t trace_events_of(TraceStream stream) {
  uint64_t events = 0;
  for (unsigned i = 0; i < kTraceEventCount; i++)
    if (kTraceEvents[i].stream == stream) events |= uint64_t{1} << i;
  return events;
}

// Where records go while trace_mask is not 0. Null puts back trace_text_sink.
using TraceSink = void (*)(const TraceRecord& record);
void trace_set_sink(TraceSink sink);
void trace_emit(const TraceRecord& record);

// Prints a line through the log (-D or stderr): instruction count, virtual time, trace_text().
void trace_text_sink(const TraceRecord& record);
// "timer_fired timer=aclint.mtimer0 clock=virtual deadline=1000ns late=20ns"
std::string trace_text(const TraceRecord& record);

// The events that match `pattern` (* and ? as in a shell), as a mask. None is an error that begins with `where` and names the nearest one.
Result<uint64_t> trace_match(const std::string& where, std::string_view pattern);
Status trace_enable(std::string_view pattern);  // switches them on
void trace_disable_all();
std::string trace_help();  // -trace help: an event a line

// --- the functions --------------------------------------------------------------------------------------------------------------------

constexpr unsigned trace_field_count(std::string_view fields) {
  unsigned count = 0;
  for (char c : fields) count += c == ':';
  return count;
}

template <TraceEvent kEvent, typename... Numbers>
[[gnu::noinline, gnu::cold]] void trace_pack(const char* text, Numbers... numbers) {
  static_assert(sizeof...(numbers) == trace_field_count(kTraceEvents[kEvent].fields), "as many numbers as the event has fields");
  static_assert(sizeof...(numbers) <= kTraceNumbersMax);
  static_assert((std::is_integral_v<Numbers> && ...));
  trace_emit(TraceRecord{kEvent, text, {static_cast<uint64_t>(numbers)...}});
}

template <TraceEvent kEvent, typename... Arguments>
[[gnu::always_inline]] inline void trace_point(Arguments... arguments) {
  if (!trace_event_on(kEvent)) return;
  if constexpr (kTraceEvents[kEvent].label.empty())
    trace_pack<kEvent>(nullptr, arguments...);
  else
    trace_pack<kEvent>(arguments...);
}

#define TRACE_EVENT(name, stream, label, fields, meaning)             \
  template <typename... Arguments>                                    \
  [[gnu::always_inline]] inline void trace_##name(Arguments... arguments) { \
    trace_point<kTrace_##name>(arguments...);                         \
  }
#include "core/trace_events.inc"
#undef TRACE_EVENT

}  // namespace monochord
