// diff --align mainline. The mainline of a hart is what it does outside of interrupt handlers; two runs of a correct guest have the same one wherever
// their interrupts came. Handlers: handlers.h. One pass a hart over both files at once, so memory stays small.
#include <algorithm>
#include <deque>
#include <set>

#include "tools/monochord-trace/commands.h"
#include "tools/monochord-trace/diff.h"
#include "tools/monochord-trace/handlers.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

namespace {

constexpr size_t kPlacesShown = 20;

// What comes from outside of a hart's instructions: its place is what differs between the runs.
bool is_asynchronous(TraceEvent known) {
  switch (known) {
    case kTrace_clock_enabled:
    case kTrace_clock_advanced:
    case kTrace_timer_armed:
    case kTrace_timer_cancelled:
    case kTrace_timer_fired:
    case kTrace_timer_returned:
    case kTrace_irq_line:
    case kTrace_interrupt_pending:
    case kTrace_interrupt_cleared:
    case kTrace_io_input:
    case kTrace_io_complete:
    case kTrace_state_hash:
      return true;
    default:
      return false;
  }
}

struct Taken {
  uint64_t cause = 0, epc = 0, events = 0, instruction = 0;
  std::string after;  // the mainline's event before it
};

// The mainline events of one hart of one file, one after the other.
class Mainline {
 public:
  Mainline(Reader& reader, uint64_t hart, bool only_hart) : reader_(reader), hart_(hart), only_hart_(only_hart) { reader.rewind(); }

  bool next(Event* event) {
    while (reader_.next(event)) {
      const Schema& schema = reader_.schema();
      const EventType& type = schema.of(*event);
      const bool named = type.hart >= 0 || type.known == kTrace_ipi;
      const uint64_t hart = type.hart >= 0 ? event->numbers[static_cast<size_t>(type.hart)] : named ? schema.get(*event, 0) : hart_;
      if (hart != hart_ || (!named && !only_hart_)) continue;
      const bool inside = handlers_.in_interrupt(hart_);
      if (!inside && type.known == kTrace_interrupt_taken) note_taken(*event);
      handlers_.follow(schema, *event);
      const bool inside_now = handlers_.in_interrupt(hart_);
      if (inside && !inside_now) handler_instructions_ += event->instruction - entered_;
      if (inside || inside_now || is_asynchronous(type.known)) continue;
      count_++;
      after_ = *event;
      after_label_ = event->label;
      return true;
    }
    return false;
  }
  const Schema& schema() const { return reader_.schema(); }
  const Status& status() const { return reader_.status(); }
  uint64_t count() const { return count_; }
  uint64_t left_out() const { return handler_instructions_; }
  // Interrupts of the mainline since the last call, in order.
  std::deque<Taken>& taken() { return taken_; }

 private:
  void note_taken(const Event& event) {
    entered_ = event.instruction;
    after_.label = after_label_;
    taken_.push_back({schema().get(event, 1), schema().get(event, 2), count_, event.instruction - handler_instructions_,
                      count_ == 0 ? "the beginning" : event_text(schema(), after_)});
  }

  Reader& reader_;
  uint64_t hart_;
  bool only_hart_;
  Handlers handlers_;
  uint64_t count_ = 0, entered_ = 0, handler_instructions_ = 0;
  Event after_;
  std::string after_label_;
  std::deque<Taken> taken_;
};

Status find_harts(Reader& reader, std::set<uint64_t>* harts) {
  reader.rewind();
  for (Event event; reader.next(&event);) {
    const EventType& type = reader.schema().of(event);
    if (type.hart >= 0) harts->insert(event.numbers[static_cast<size_t>(type.hart)]);
  }
  return reader.status();
}

std::string place(const Taken& taken) {
  const char* name = interrupt_name(taken.cause);
  return stringf("%s at epc 0x%llx, %llu instructions into the mainline, after %llu of its events",
                 name != nullptr ? name : stringf("cause %llu", static_cast<unsigned long long>(taken.cause)).c_str(),
                 static_cast<unsigned long long>(taken.epc), static_cast<unsigned long long>(taken.instruction),
                 static_cast<unsigned long long>(taken.events));
}

// Tells the interrupts of both runs pair by pair, as they come: nothing is kept longer than its partner needs.
class Places {
 public:
  void take(Mainline& a, Mainline& b, bool at_end) {
    while (!a.taken().empty() || !b.taken().empty()) {
      if ((a.taken().empty() || b.taken().empty()) && !at_end) return;
      total_++;
      const Taken* of_a = a.taken().empty() ? nullptr : &a.taken().front();
      const Taken* of_b = b.taken().empty() ? nullptr : &b.taken().front();
      const bool same =
          of_a != nullptr && of_b != nullptr && of_a->cause == of_b->cause && of_a->epc == of_b->epc && of_a->instruction == of_b->instruction;
      if (!same && ++different_ <= kPlacesShown) {
        for (const auto& [name, taken] : {std::pair{"A", of_a}, std::pair{"B", of_b}})
          text_ += stringf("  %s%llu: %s\n", name, static_cast<unsigned long long>(total_),
                           taken == nullptr ? "none" : (place(*taken) + " (" + taken->after + ")").c_str());
      }
      if (of_a != nullptr) a.taken().pop_front();
      if (of_b != nullptr) b.taken().pop_front();
    }
  }
  void print(Output& output) const {
    output.print("interrupts taken by the mainline: %llu, of them %llu not at the same place in both\n%s", static_cast<unsigned long long>(total_),
                 static_cast<unsigned long long>(different_), text_.c_str());
    if (different_ > kPlacesShown) output.print("  ... and %llu more\n", static_cast<unsigned long long>(different_ - kPlacesShown));
  }

 private:
  uint64_t total_ = 0, different_ = 0;
  std::string text_;
};

Result<bool> compare_hart(Reader& reader_a, Reader& reader_b, uint64_t hart, bool only_hart, unsigned context, Output& output) {
  Mainline a(reader_a, hart, only_hart), b(reader_b, hart, only_hart);
  Places places;
  std::deque<std::string> before;
  Event event_a, event_b;
  bool more_a, more_b, same = true;
  while (true) {
    more_a = a.next(&event_a);
    more_b = b.next(&event_b);
    if (!a.status().ok()) return a.status().error();
    if (!b.status().ok()) return b.status().error();
    if (!more_a && !more_b) break;
    places.take(a, b, false);
    same = more_a && more_b && same_event(a.schema(), event_a, b.schema(), event_b, Stamps::kLeftOut);
    if (!same) break;
    if (context == 0) continue;
    if (before.size() == context) before.pop_front();
    before.push_back(diff_line(' ', a.schema(), event_a));
  }
  if (same) {
    output.print("hart %llu: the same %llu mainline events in both\n", static_cast<unsigned long long>(hart),
                 static_cast<unsigned long long>(a.count()));
  } else {
    output.print("hart %llu: the mainlines differ at event %llu of them: ", static_cast<unsigned long long>(hart),
                 static_cast<unsigned long long>(std::max(a.count(), b.count())));
    if (more_a && more_b)
      output.print("%s\n", difference_text(a.schema(), event_a, b.schema(), event_b, Stamps::kLeftOut).c_str());
    else
      output.print("%s has no more\n", more_a ? "B" : "A");
    for (const std::string& line : before) output.write(line);
    if (more_a) output.write(diff_line('-', a.schema(), event_a));
    for (unsigned i = 0; more_a && i < context && (more_a = a.next(&event_a)); i++) output.write(diff_line('-', a.schema(), event_a));
    if (more_b) output.write(diff_line('+', b.schema(), event_b));
    for (unsigned i = 0; more_b && i < context && (more_b = b.next(&event_b)); i++) output.write(diff_line('+', b.schema(), event_b));
  }
  // Also where the mainlines went apart: the rest of the interrupts is what a person wants to see next.
  while (a.next(&event_a)) places.take(a, b, false);
  while (b.next(&event_b)) places.take(a, b, false);
  places.take(a, b, true);
  if (!a.status().ok()) return a.status().error();
  if (!b.status().ok()) return b.status().error();
  places.print(output);
  return same;
}

}  // namespace

Result<int> compare_mainlines(Reader& a, Reader& b, unsigned context, Output& output) {
  for (Reader* reader : {&a, &b}) {
    for (TraceEvent needed : {kTrace_interrupt_taken, kTrace_mret, kTrace_sret})
      if (!reader->has(needed))
        return errorf("%s: %s was not traced; --align mainline needs interrupt_taken, mret and sret", reader->name().c_str(),
                      kTraceEvents[needed].name.data());
  }
  std::set<uint64_t> harts;
  if (Status status = find_harts(a, &harts); !status) return status.error();
  if (Status status = find_harts(b, &harts); !status) return status.error();
  if (harts.empty()) harts.insert(0);
  if (harts.size() > 1) output.write("several harts: each is compared by itself, and events that name none (mmio_*) are left out\n");
  bool same = true;
  for (uint64_t hart : harts) {
    Result<bool> result = compare_hart(a, b, hart, harts.size() == 1, context, output);
    if (!result) return result.error();
    same = same && *result;
  }
  return same ? kSame : kDifferent;
}

}  // namespace monochord::trace
