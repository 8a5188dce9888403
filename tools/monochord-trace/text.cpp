#include "tools/monochord-trace/text.h"

#include <charconv>
#include <cmath>

namespace monochord::trace {

std::string number_text(char format, uint64_t value) {
  static constexpr const char* kClocks[] = {"realtime", "virtual", "host", "virtual_rt"};
  switch (format) {
    case 'x':
      return stringf("0x%llx", static_cast<unsigned long long>(value));
    case 't':
      return stringf("%lldns", static_cast<long long>(value));
    case 'c':
      return value < 4 ? kClocks[value] : "?";
    default:
      return stringf("%lld", static_cast<long long>(value));
  }
}

const char* interrupt_name(uint64_t cause) {
  switch (cause) {
    case 1:
      return "S software";
    case 3:
      return "M software";
    case 5:
      return "S timer";
    case 7:
      return "M timer";
    case 9:
      return "S external";
    case 11:
      return "M external";
    default:
      return nullptr;
  }
}

const char* exception_name(uint64_t cause) {
  static constexpr const char* kNames[16] = {"fetch misaligned", "fetch access",    "illegal instruction",
                                             "breakpoint",       "load misaligned", "load access",
                                             "store misaligned", "store access",    "ecall from U",
                                             "ecall from S",     nullptr,           "ecall from M",
                                             "fetch page",       "load page",       nullptr,
                                             "store page"};
  return cause < 16 ? kNames[cause] : nullptr;
}

namespace {

const char* cause_name(TraceEvent known, std::string_view field, uint64_t value) {
  if (field != "cause") return nullptr;
  if (known == kTrace_interrupt_pending || known == kTrace_interrupt_cleared || known == kTrace_interrupt_taken) return interrupt_name(value);
  return known == kTrace_exception_taken ? exception_name(value) : nullptr;
}

}  // namespace

std::string event_text(const Schema& schema, const Event& event) {
  const EventType& type = schema.of(event);
  std::string text = type.name;
  if (!type.label.empty()) {
    text += ' ';
    text += type.label;
    text += '=';
    text += event.has_label ? printable(event.label) : "?";
  }
  for (size_t i = 0; i < type.fields.size(); i++) {
    const Field& field = type.fields[i];
    text += ' ';
    text += field.name;
    text += '=';
    text += number_text(field.format, event.numbers[i]);
    if (const char* name = cause_name(type.known, field.name, event.numbers[i])) text.append("(").append(name).append(")");
  }
  return text;
}

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c >= ' ' && c <= '~')
      out += c;
    else
      out += stringf("\\x%02x", static_cast<unsigned char>(c));
  }
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string duration_text(double ns) {
  static constexpr struct {
    double factor;
    const char* unit;
  } kUnits[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
  for (const auto& unit : kUnits)
    if (std::fabs(ns) >= unit.factor) return stringf("%.4g%s", ns / unit.factor, unit.unit);
  return stringf("%.4gns", ns);
}

std::optional<uint64_t> parse_number(std::string_view text) {
  const bool hex = text.substr(0, 2) == "0x";
  if (hex) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_time(std::string_view text) {
  int64_t unit = 0;
  for (const auto& [name, ns] : {std::pair<std::string_view, int64_t>{"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}}) {
    if (text.size() > name.size() && text.ends_with(name)) {
      unit = ns;
      text.remove_suffix(name.size());
      break;
    }
  }
  if (unit == 0) return std::nullopt;
  // Whole and fraction apart: a double would lose nanoseconds of long runs.
  const size_t point = text.find('.');
  const std::optional<uint64_t> whole = parse_number(text.substr(0, point));
  int64_t result = 0;
  if (!whole || text.substr(0, 2) == "0x" || *whole > INT64_MAX || __builtin_mul_overflow(static_cast<int64_t>(*whole), unit, &result))
    return std::nullopt;
  if (point == std::string_view::npos) return result;
  for (char digit : text.substr(point + 1)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    unit /= 10;
    if (__builtin_add_overflow(result, unit * (digit - '0'), &result)) return std::nullopt;
  }
  return result;
}

}  // namespace monochord::trace
