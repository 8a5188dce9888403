// export --perfetto: the JSON that chrome://tracing and Perfetto open. A track a timer, a line and a hart; handler episodes are slices; a flow leads
// from a timer's arming over its firing and the interrupt that it raised to the return from the handler.
#include <map>
#include <optional>

#include "tools/monochord-trace/exports.h"
#include "tools/monochord-trace/handlers.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

namespace {

enum Process { kHarts = 1, kTimers, kLines };

// JSON's ts is in microseconds; three decimals keep every nanosecond.
std::string stamp(int64_t ns) {
  const uint64_t value = ns < 0 ? 0 - static_cast<uint64_t>(ns) : static_cast<uint64_t>(ns);
  return stringf("%s%llu.%03llu", ns < 0 ? "-" : "", static_cast<unsigned long long>(value / 1000), static_cast<unsigned long long>(value % 1000));
}

struct Open {
  int64_t ns;
  uint64_t instruction;
  int64_t deadline;
};

class Perfetto {
 public:
  explicit Perfetto(Output& output) : output_(output) {
    output_.write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    for (const auto& [process, name] : {std::pair{kHarts, "harts"}, std::pair{kTimers, "timers"}, std::pair{kLines, "interrupt lines"}})
      item(stringf("\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"args\":{\"name\":\"%s\"}", process, name));
  }

  void follow(const Schema& schema, const Event& event) {
    const TraceEvent known = schema.known(event);
    // Where timer_returned was not traced, a callback lasts as long as no instruction runs.
    if (callback_ && (callback_instruction_ != event.instruction || callback_ns_ != event.ns)) end_callback(event);
    switch (known) {
      case kTrace_timer_armed:
      case kTrace_host_timer_armed:
        armed(name(event), event, static_cast<int64_t>(schema.get(event, 1)));
        break;
      case kTrace_timer_cancelled:
      case kTrace_host_timer_cancelled:
        disarmed(name(event), event, "cancelled");
        break;
      case kTrace_timer_fired:
      case kTrace_host_timer_fired:
        fired(name(event), event, static_cast<int64_t>(schema.get(event, 2)));
        break;
      case kTrace_timer_returned:
      case kTrace_host_timer_returned:
        end_callback(event);
        break;
      case kTrace_irq_line:
        line(name(event) + "." + std::to_string(schema.get(event, 0)), event, schema.get(event, 1) != 0);
        break;
      case kTrace_interrupt_pending:
        if (callback_) pending_[{schema.get(event, 0), schema.get(event, 1)}] = callback_flow_;
        break;
      case kTrace_interrupt_cleared:
        pending_.erase({schema.get(event, 0), schema.get(event, 1)});
        break;
      case kTrace_wfi_entered:
        asleep_[schema.get(event, 0)] = {event.ns, event.instruction, 0};
        break;
      case kTrace_wfi_left:
        wake(schema.get(event, 0), event);
        break;
      case kTrace_marker:
        item(stringf("\"ph\":\"i\",\"s\":\"t\",\"name\":\"marker 0x%llx\",\"pid\":%d,\"tid\":%llu,\"ts\":%s",
                     static_cast<unsigned long long>(schema.get(event, 1)), kHarts,
                     static_cast<unsigned long long>(track(kHarts, hart_name(schema.get(event, 0)))), stamp(event.ns).c_str()));
        break;
      default:
        break;
    }
    if (schema.of(event).hart >= 0) handlers(schema, event, event.numbers[static_cast<size_t>(schema.of(event).hart)]);
  }

  void end(const Event& last) {
    if (callback_) end_callback(last);
    for (uint64_t hart : handlers_.harts())
      for (const Frame& frame : handlers_.frames(hart)) slice(kHarts, hart_name(hart), frame_name(frame), frame.ns, last.ns, frame_args(frame, last));
    for (const auto& [name, open] : armed_)
      slice(kTimers, name, "armed", open.ns, last.ns, stringf("\"deadline_ns\":%lld", static_cast<long long>(open.deadline)));
    for (const auto& [name, open] : raised_) slice(kLines, name, "raised", open.ns, last.ns, "");
    for (const auto& [hart, open] : asleep_) slice(kHarts, hart_name(hart) + " asleep", "WFI", open.ns, last.ns, "");
  }
  void close() { output_.write("\n]}\n"); }

 private:
  static std::string name(const Event& event) { return event.has_label ? printable(event.label) : "?"; }
  static std::string hart_name(uint64_t hart) { return "hart " + std::to_string(hart); }
  static std::string frame_name(const Frame& frame) {
    const char* name = frame.interrupt ? interrupt_name(frame.cause) : exception_name(frame.cause);
    return name != nullptr ? name : (frame.interrupt ? "interrupt " : "exception ") + std::to_string(frame.cause);
  }
  static std::string frame_args(const Frame& frame, const Event& end) {
    return stringf("\"epc\":\"0x%llx\",\"instruction\":%llu,\"instructions\":%llu", static_cast<unsigned long long>(frame.epc),
                   static_cast<unsigned long long>(frame.instruction), static_cast<unsigned long long>(end.instruction - frame.instruction));
  }

  void item(const std::string& inside) {
    output_.write(first_ ? "{" : ",\n{");
    output_.write(inside);
    output_.write("}");
    first_ = false;
  }
  uint64_t track(Process process, const std::string& name) {
    const auto [found, made] = tracks_.try_emplace({process, name}, tracks_.size() + 1);
    if (made)
      item(stringf("\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%llu,\"args\":{\"name\":%s}", process,
                   static_cast<unsigned long long>(found->second), json_string(name).c_str()));
    return found->second;
  }
  void slice(Process process, const std::string& where, const std::string& what, int64_t from, int64_t to, const std::string& args) {
    const uint64_t tid = track(process, where);
    item(stringf("\"ph\":\"X\",\"name\":%s,\"pid\":%d,\"tid\":%llu,\"ts\":%s,\"dur\":%s,\"args\":{%s}", json_string(what).c_str(), process,
                 static_cast<unsigned long long>(tid), stamp(from).c_str(), stamp(to > from ? to - from : 0).c_str(), args.c_str()));
  }
  void flow(const char* phase, uint64_t id, Process process, const std::string& where, int64_t ns) {
    const uint64_t tid = track(process, where);
    item(stringf("\"ph\":\"%s\",\"cat\":\"timer\",\"name\":\"timer\",\"id\":%llu,\"pid\":%d,\"tid\":%llu,\"ts\":%s%s", phase,
                 static_cast<unsigned long long>(id), process, static_cast<unsigned long long>(tid), stamp(ns).c_str(),
                 *phase == 'f' ? ",\"bp\":\"e\"" : ""));
  }

  void armed(const std::string& name, const Event& event, int64_t deadline) {
    disarmed(name, event, "armed again");
    armed_[name] = {event.ns, event.instruction, deadline};
  }
  std::optional<Open> disarmed(const std::string& name, const Event& event, const char* why) {
    const auto found = armed_.find(name);
    if (found == armed_.end()) return std::nullopt;
    const Open open = found->second;
    armed_.erase(found);
    slice(kTimers, name, "armed", open.ns, event.ns, stringf("\"deadline_ns\":%lld,\"end\":\"%s\"", static_cast<long long>(open.deadline), why));
    return open;
  }
  void fired(const std::string& name, const Event& event, int64_t late) {
    const std::optional<Open> open = disarmed(name, event, "fired");
    callback_ = name;
    callback_ns_ = event.ns;
    callback_instruction_ = event.instruction;
    callback_late_ = late;
    callback_flow_ = ++flows_;
    if (open) flow("s", callback_flow_, kTimers, name, open->ns);
    flow(open ? "t" : "s", callback_flow_, kTimers, name, event.ns);
  }
  void end_callback(const Event& event) {
    if (!callback_) return;
    const int64_t end = event.instruction == callback_instruction_ ? event.ns : callback_ns_;
    slice(kTimers, *callback_, "fired", callback_ns_, end,
          stringf("\"late_ns\":%lld,\"instruction\":%llu", static_cast<long long>(callback_late_),
                  static_cast<unsigned long long>(callback_instruction_)));
    callback_.reset();
  }
  void line(const std::string& name, const Event& event, bool level) {
    const auto found = raised_.find(name);
    if (level) {
      raised_.try_emplace(name, Open{event.ns, event.instruction, 0});
    } else if (found != raised_.end()) {
      slice(kLines, name, "raised", found->second.ns, event.ns, "");
      raised_.erase(found);
    }
  }
  void wake(uint64_t hart, const Event& event) {
    const auto found = asleep_.find(hart);
    if (found == asleep_.end()) return;
    slice(kHarts, hart_name(hart) + " asleep", "WFI", found->second.ns, event.ns, "");
    asleep_.erase(found);
  }
  void handlers(const Schema& schema, const Event& event, uint64_t hart) {
    const Handlers::Step step = handlers_.follow(schema, event);
    if (step.began && handlers_.frames(hart).back().interrupt) {
      const auto found = pending_.find({hart, handlers_.frames(hart).back().cause});
      if (found != pending_.end()) {
        handlers_.frames_to_change(hart).back().flow = found->second;
        flow("t", found->second, kHarts, hart_name(hart), event.ns);
        pending_.erase(found);
      }
    }
    for (const Frame& frame : step.ended) {
      slice(kHarts, hart_name(hart), frame_name(frame), frame.ns, event.ns, frame_args(frame, event));
      if (frame.flow != 0) flow("f", frame.flow, kHarts, hart_name(hart), event.ns);
    }
  }

  Output& output_;
  bool first_ = true;
  std::map<std::pair<Process, std::string>, uint64_t> tracks_;
  std::map<std::string, Open> armed_, raised_;
  std::map<uint64_t, Open> asleep_;
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> pending_;  // flow, by hart and cause
  Handlers handlers_;
  std::optional<std::string> callback_;  // the timer whose callback runs
  int64_t callback_ns_ = 0, callback_late_ = 0;
  uint64_t callback_instruction_ = 0, callback_flow_ = 0, flows_ = 0;
};

}  // namespace

Status export_perfetto(Reader& reader, const Filter& filter, Output& output) {
  Perfetto perfetto(output);
  Event last;
  bool any = false;
  for (Event event; !output.failed() && reader.next(&event);) {
    if (!filter.matches(reader.schema(), event)) continue;
    perfetto.follow(reader.schema(), event);
    last = event;
    any = true;
  }
  if (any) perfetto.end(last);
  perfetto.close();
  return reader.status();
}

}  // namespace monochord::trace
