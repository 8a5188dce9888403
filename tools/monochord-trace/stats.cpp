#include "tools/monochord-trace/stats.h"

#include "tools/monochord-trace/commands.h"
#include "tools/monochord-trace/filters.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

namespace {

constexpr std::string_view kUsage =
    "usage: monochord-trace stats [OPTION...] FILE\n\n"
    "Counts by event; deadline to fired, pending to taken, time with interrupts masked (each as percentiles and bars); a line a timer.\n";
constexpr OptionSpec kOptions[] = {{"--json", "", "as JSON; times in ns"}};

void follow_mask(Masked* mine, Masked* all, std::optional<bool> masked, const Event& event) {
  if (mine->state == Masked::kMasked && masked == false) {
    all->instructions.add(static_cast<int64_t>(event.instruction - mine->since_instruction));
    all->ns.add(static_cast<int64_t>(static_cast<uint64_t>(event.ns) - static_cast<uint64_t>(mine->since_ns)));
  }
  // Masked when it first becomes known: then the begin is not in the trace, and the interval does not count.
  if (mine->state == Masked::kOpen && masked == true) {
    mine->state = Masked::kMasked;
    mine->since_instruction = event.instruction;
    mine->since_ns = event.ns;
  } else if (!masked || !*masked) {
    mine->state = masked ? Masked::kOpen : Masked::kUnknown;
  }
}

}  // namespace

void Stats::add(const Schema& schema, const Event& event) {
  if (events++ == 0) {
    first = event;
    counts.resize(schema.size());
  }
  last = event;
  last.label = {};
  counts[event.number]++;
  add_timer(schema, event);
  add_interrupt(schema, event);
}

void Stats::add_timer(const Schema& schema, const Event& event) {
  const TraceEvent known = schema.known(event);
  const bool armed = known == kTrace_timer_armed || known == kTrace_host_timer_armed;
  const bool cancelled = known == kTrace_timer_cancelled || known == kTrace_host_timer_cancelled;
  const bool fired = known == kTrace_timer_fired || known == kTrace_host_timer_fired;
  if (!armed && !cancelled && !fired) return;
  TimerStats& timer = timers[event.has_label ? printable(event.label) : "?"];
  timer.armed += armed;
  timer.cancelled += cancelled;
  if (!fired) return;
  const int64_t lateness = static_cast<int64_t>(schema.get(event, 2));
  if (timer.fired++ == 0) timer.first_ns = event.ns;
  timer.last_ns = event.ns;
  timer.late.add(lateness);
  late.add(lateness);
}

void Stats::add_interrupt(const Schema& schema, const Event& event) {
  const EventType& type = schema.of(event);
  if (type.hart < 0) return;
  Hart& hart = harts[event.numbers[static_cast<size_t>(type.hart)]];
  const uint64_t cause = type.known == kTraceEventCount ? 0 : schema.get(event, 1);
  if (type.known == kTrace_interrupt_pending) {
    hart.pending[cause & 63] = event.ns;
  } else if (type.known == kTrace_interrupt_cleared) {
    hart.pending.erase(cause & 63);
  } else if (type.known == kTrace_interrupt_taken) {
    pending_instructions.add(static_cast<int64_t>(schema.get(event, 3)));
    const auto since = hart.pending.find(cause & 63);
    if (since == hart.pending.end()) {
      taken_without_edge++;
    } else {
      pending_ns.add(static_cast<int64_t>(static_cast<uint64_t>(event.ns) - static_cast<uint64_t>(since->second)));
      hart.pending.erase(since);  // a level that stays up has no new edge
    }
  }
  if (hart.state.follow(schema, event)) {
    follow_mask(&hart.m, &m, hart.state.m_masked(), event);
    follow_mask(&hart.s, &s, hart.state.s_masked(), event);
  }
}

int stats_command(Arguments arguments) {
  const std::vector<OptionSpec> specs = joined(kFilterOptions, kOptions);
  if (asked_for_help(arguments, kUsage, specs)) return kSame;
  Result<Options> options = Options::parse("stats", specs, arguments, 1);
  if (!options) return trouble(options.error());
  Result<Filter> filter = Filter::from(*options);
  if (!filter) return trouble(filter.error());
  Result<std::unique_ptr<Reader>> reader = open_trace((*options)[0]);
  if (!reader) return trouble(reader.error());
  if (Status status = filter->bind((*reader)->schema()); !status) return trouble(status.error());
  Stats stats;
  for (Event event; (*reader)->next(&event);)
    if (filter->matches((*reader)->schema(), event)) stats.add((*reader)->schema(), event);
  if (!(*reader)->status().ok()) return trouble((*reader)->status().error());
  stats.counts.resize((*reader)->schema().size());
  Result<Output> output = Output::open("");
  (options->has("--json") ? print_stats_json : print_stats)(**reader, stats, *output);
  return finish(*output);
}

}  // namespace monochord::trace
