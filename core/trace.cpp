#include "core/trace.h"

#include <array>

#include "core/suggest.h"

namespace monochord {

uint64_t trace_mask = 0;

namespace {

TraceSink sink = &trace_text_sink;

// * any run of characters, ? any one.
bool matches(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      p++;
      n++;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;  // the last star takes one character more
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') p++;
  return p == pattern.size();
}

const char* clock_name(uint64_t clock) {
  static constexpr const char* kNames[] = {"realtime", "virtual", "host", "virtual_rt"};
  return clock < 4 ? kNames[clock] : "?";
}

std::string number_text(char format, uint64_t value) {
  switch (format) {
    case 'x': return stringf("0x%llx", static_cast<unsigned long long>(value));
    case 't': return stringf("%lldns", static_cast<long long>(value));
    case 'c': return clock_name(value);
    default: return stringf("%lld", static_cast<long long>(value));
  }
}

}  // namespace

void trace_set_sink(TraceSink new_sink) { sink = new_sink != nullptr ? new_sink : &trace_text_sink; }

void trace_emit(const TraceRecord& record) { sink(record); }

std::string trace_text(const TraceRecord& record) {
  const TraceEventInfo& info = kTraceEvents[record.event];
  std::string text(info.name);
  if (!info.label.empty()) {
    text += ' ';
    text += info.label;
    text += '=';
    text += record.text != nullptr ? record.text : "?";
  }
  std::string_view fields = info.fields;
  for (unsigned i = 0; !fields.empty() && i < kTraceNumbersMax; i++) {
    const size_t colon = fields.find(':');
    text += ' ';
    text += fields.substr(0, colon);
    text += '=';
    text += number_text(fields[colon + 1], record.numbers[i]);
    fields.remove_prefix(colon + 2);
    if (!fields.empty()) fields.remove_prefix(1);  // the blank
  }
  return text;
}

Result<uint64_t> trace_match(const std::string& where, std::string_view pattern) {
  uint64_t found = 0;
  std::array<std::string_view, kTraceEventCount> names;
  for (unsigned i = 0; i < kTraceEventCount; i++) {
    names[i] = kTraceEvents[i].name;
    if (matches(pattern, names[i])) found |= uint64_t{1} << i;
  }
  if (found != 0) return found;
  const std::string_view near = nearest_name(pattern, names);
  const std::string hint = near.empty() ? "" : stringf("; did you mean '%.*s'?", static_cast<int>(near.size()), near.data());
  return errorf("%s: no such event%s (-trace help lists them)", where.c_str(), hint.c_str());
}

Status trace_enable(std::string_view pattern) {
  const Result<uint64_t> found = trace_match(stringf("-trace %.*s", static_cast<int>(pattern.size()), pattern.data()), pattern);
  if (!found) return found.error();
  trace_mask |= found.value();
  return {};
}

void trace_disable_all() { trace_mask = 0; }

std::string trace_help() {
  std::string text;
  for (const TraceEventInfo& info : kTraceEvents)
    text += stringf("%-18s %-5s %s\n", info.name.data(), info.stream == TraceStream::kGuest ? "guest" : "host", info.meaning.data());
  return text;
}

}  // namespace monochord
