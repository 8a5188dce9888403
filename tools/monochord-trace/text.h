// Events and numbers as people read them, and back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tools/monochord-trace/schema.h"

namespace monochord::trace {

// "interrupt_taken hart=0 cause=5(S timer) epc=0x80000000 distance=12": trace_text()'s form, with names for causes.
std::string event_text(const Schema& schema, const Event& event);
// One field's value in the form that its letter asks for.
std::string number_text(char format, uint64_t value);
// "M timer", "ecall from S"; null where the number has no name.
const char* interrupt_name(uint64_t cause);
const char* exception_name(uint64_t cause);
// A label is whatever the file holds: what is not printable ASCII becomes \xNN.
std::string printable(std::string_view text);
// The same inside quotes of JSON.
std::string json_string(std::string_view text);
// "12ns", "3.4us", "1.5ms", "2s".
std::string duration_text(double ns);

// "1.5ms" in ns; a unit is needed. Nothing where it is no time.
std::optional<int64_t> parse_time(std::string_view text);
std::optional<uint64_t> parse_number(std::string_view text);  // decimal, or 0x...

}  // namespace monochord::trace
