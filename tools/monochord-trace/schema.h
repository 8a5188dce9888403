// What a trace file says that its events are: names, labels, fields. The file decides, so that files of other versions can be shown; what this
// program knows the meaning of (core/trace_events.inc) is found by name.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/trace.h"

namespace monochord::trace {

inline constexpr unsigned kFieldsMax = 8;   // of one event; other versions may have more than kTraceNumbersMax
inline constexpr unsigned kEventsMax = 64;  // the mask in the header has a bit an event

struct Event {
  uint8_t number = 0;
  bool has_label = false;
  std::string_view label;  // valid until the reader takes its next chunk
  uint64_t sequence = 0;
  uint64_t instruction = 0;
  int64_t ns = 0;
  std::array<uint64_t, kFieldsMax> numbers{};  // in the order of the file's schema
};

struct Field {
  std::string name;
  char format;
};

struct EventType {
  std::string name;
  std::string stream;
  std::string label;  // empty: has none
  std::vector<Field> fields;
  // The event of our own table with that name whose fields are all there, or kTraceEventCount; and where its fields stand.
  TraceEvent known = kTraceEventCount;
  std::array<uint8_t, kTraceNumbersMax> position{};
  int hart = -1;  // position of the field "hart", or -1
};

class Schema {
 public:
  // One line an event. The error names the line.
  static Result<Schema> parse(std::string_view text);
  size_t size() const { return types_.size(); }
  const EventType& operator[](size_t number) const { return types_[number]; }
  const EventType& of(const Event& event) const { return types_[event.number]; }
  TraceEvent known(const Event& event) const { return types_[event.number].known; }
  // A field of an event with known() by its place in core/trace_events.inc.
  uint64_t get(const Event& event, unsigned field) const { return event.numbers[types_[event.number].position[field]]; }
  // Number of an event by name, or -1.
  int find(std::string_view name) const;

 private:
  std::vector<EventType> types_;
};

// The schema of this program's own table, as a file's text.
std::string own_schema();

}  // namespace monochord::trace
