// export --vcd: a value change dump (IEEE 1364, chapter 18) for GTKWave. Two passes: the first finds the signals and what they were before
// their first change, the second writes the changes.
#include <map>

#include "tools/monochord-trace/exports.h"
#include "tools/monochord-trace/handlers.h"
#include "tools/monochord-trace/hart_state.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

namespace {

enum class Scope { kLines, kTimers, kHart };

struct Signal {
  std::string name, id;
  unsigned bits = 1;
  std::string value;  // as a binary number; "x" where it is not known
};

std::string binary(uint64_t value, unsigned bits) {
  std::string text;
  for (unsigned i = bits; i-- > 0;) text += static_cast<char>('0' + (value >> i & 1));
  return text;
}

// A name without what ends one in a VCD file.
std::string plain(std::string_view text) {
  std::string out;
  for (char c : printable(text)) out += (c > ' ' && c != '\\' && c != '[' && c != ']') ? c : '_';
  return out.empty() ? "_" : out;
}

class Signals {
 public:
  // The signal of that scope and name; made in the first pass with what it was before.
  Signal& at(Scope scope, uint64_t hart, const std::string& name, unsigned bits, const std::string& before) {
    auto [found, made] = signals_.try_emplace({scope, hart, name});
    if (made) found->second = {name, id(count_++), bits, before};
    return found->second;
  }
  void declare(Output& output) const {
    std::string open;
    for (const auto& [key, signal] : signals_) {
      const auto& [scope, hart, name] = key;
      const std::string module = scope == Scope::kLines ? "lines" : scope == Scope::kTimers ? "timers" : "hart" + std::to_string(hart);
      if (module != open) output.print("%s$scope module %s $end\n", open.empty() ? "" : "$upscope $end\n", module.c_str());
      open = module;
      output.print("$var wire %u %s %s $end\n", signal.bits, signal.id.c_str(), name.c_str());
    }
    output.print("%s$enddefinitions $end\n", open.empty() ? "" : "$upscope $end\n");
  }
  template <typename F>
  void each(F function) {
    for (auto& [key, signal] : signals_) function(signal);
  }

 private:
  static std::string id(unsigned number) {
    std::string text;
    do text += static_cast<char>('!' + number % 94);
    while ((number /= 94) > 0);
    return text;
  }
  std::map<std::tuple<Scope, uint64_t, std::string>, Signal> signals_;
  unsigned count_ = 0;
};

void write_value(Output& output, const Signal& signal) {
  if (signal.bits == 1)
    output.print("%s%s\n", signal.value.c_str(), signal.id.c_str());
  else
    output.print("b%s %s\n", signal.value.c_str(), signal.id.c_str());
}

// Turns events into values; the same in both passes, so that the second finds the signals that the first made.
class Writer {
 public:
  Writer(Signals& signals, Output* output, bool ring, int64_t begin) : signals_(signals), output_(output), ring_(ring), written_(begin) {}

  void follow(const Schema& schema, const Event& event) {
    // A clock that was moved back shows as one that stands still: time in a VCD only grows.
    if (!began_ || event.ns > now_) now_ = event.ns > 0 ? event.ns : 0;
    began_ = true;
    const TraceEvent known = schema.known(event);
    if (known == kTraceEventCount) return;
    switch (known) {
      case kTrace_irq_line:
        bit(Scope::kLines, 0, plain(label(event)) + "." + std::to_string(schema.get(event, 0)), schema.get(event, 1) != 0, true);
        break;
      case kTrace_timer_armed:
      case kTrace_host_timer_armed:
        bit(Scope::kTimers, 0, plain(label(event)), true, !ring_);
        break;
      case kTrace_timer_fired:
      case kTrace_host_timer_fired:
      case kTrace_timer_cancelled:
      case kTrace_host_timer_cancelled:
        bit(Scope::kTimers, 0, plain(label(event)), false, true);
        break;
      default:
        break;
    }
    if (schema.of(event).hart >= 0) follow_hart(schema, event, event.numbers[static_cast<size_t>(schema.of(event).hart)]);
  }
  int64_t now() const { return now_; }

 private:
  void follow_hart(const Schema& schema, const Event& event, uint64_t hart) {
    const TraceEvent known = schema.known(event);
    switch (known) {
      case kTrace_interrupt_pending:
      case kTrace_interrupt_cleared:
        bit(Scope::kHart, hart, "pending_" + cause(schema.get(event, 1)), known == kTrace_interrupt_pending, true);
        break;
      case kTrace_wfi_entered:
      case kTrace_wfi_left:
        bit(Scope::kHart, hart, "wfi", known == kTrace_wfi_entered, true);
        break;
      case kTrace_trap_entered:
        set(Scope::kHart, hart, "privilege", 2, binary(schema.get(event, 1), 2), binary(schema.get(event, 2), 2));
        break;
      case kTrace_mret:
        set(Scope::kHart, hart, "privilege", 2, "11", binary(schema.get(event, 1), 2));
        break;
      case kTrace_sret:
        set(Scope::kHart, hart, "privilege", 2, "xx", binary(schema.get(event, 1), 2));
        break;
      default:
        break;
    }
    const size_t depth = handlers_.frames(hart).size();
    handlers_.follow(schema, event);
    const size_t now = handlers_.frames(hart).size();
    if (now != depth) set(Scope::kHart, hart, "handler_depth", 8, binary(0, 8), binary(now, 8));
    HartState& state = states_[hart];
    if (!state.follow(schema, event)) return;
    if (state.mie) bit(Scope::kHart, hart, "global_MIE", *state.mie, false);
    if (state.sie) bit(Scope::kHart, hart, "global_SIE", *state.sie, false);
    for (uint64_t number : {1, 3, 5, 7, 9, 11})
      if (state.enables_known >> number & 1) bit(Scope::kHart, hart, "enable_" + cause(number), (state.enables >> number & 1) != 0, false);
  }
  static std::string label(const Event& event) { return event.has_label ? std::string(event.label) : "unnamed"; }
  static std::string cause(uint64_t number) {
    const char* name = interrupt_name(number);
    return name != nullptr ? plain(name) : "cause" + std::to_string(number);
  }
  // A bit that only changes was the other one before, where `before_known`.
  void bit(Scope scope, uint64_t hart, const std::string& name, bool value, bool before_known) {
    set(scope, hart, name, 1, !before_known ? "x" : value ? "0" : "1", value ? "1" : "0");
  }
  void set(Scope scope, uint64_t hart, const std::string& name, unsigned bits, const std::string& before, const std::string& value) {
    Signal& signal = signals_.at(scope, hart, name, bits, before);
    if (output_ == nullptr || signal.value == value) return;
    signal.value = value;
    if (now_ != written_) output_->print("#%lld\n", static_cast<long long>(now_));
    written_ = now_;
    write_value(*output_, signal);
  }

  Signals& signals_;
  Output* output_;
  bool ring_;
  int64_t written_;
  bool began_ = false;
  int64_t now_ = 0;
  Handlers handlers_;
  std::map<uint64_t, HartState> states_;
};

}  // namespace

Status export_vcd(Reader& reader, const Filter& filter, Output& output) {
  Signals signals;
  Writer first(signals, nullptr, reader.ring(), 0);
  int64_t begin = 0;
  bool any = false;
  for (Event event; reader.next(&event);) {
    if (!filter.matches(reader.schema(), event)) continue;
    first.follow(reader.schema(), event);
    if (!any) begin = first.now();
    any = true;
  }
  output.write("$version monochord-trace $end\n$timescale 1 ns $end\n");
  signals.declare(output);
  output.print("#%lld\n$dumpvars\n", static_cast<long long>(begin));
  signals.each([&](const Signal& signal) { write_value(output, signal); });
  output.write("$end\n");
  reader.rewind();
  Writer second(signals, &output, reader.ring(), begin);
  for (Event event; !output.failed() && reader.next(&event);)
    if (filter.matches(reader.schema(), event)) second.follow(reader.schema(), event);
  if (any) output.print("#%lld\n", static_cast<long long>(second.now() + 1));  // so that the last value has a width
  return reader.status();
}

}  // namespace monochord::trace
