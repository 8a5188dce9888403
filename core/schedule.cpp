#include "core/schedule.h"

#include <algorithm>
#include <map>

#include "core/guest_time.h"
#include "core/log.h"
#include "core/loop_internal.h"

namespace monochord {

namespace {

struct State {
  Schedule schedule;
  size_t next = 0;  // of schedule.points
  Status (*pulse)(void* opaque, unsigned irq) = nullptr;
  void* opaque = nullptr;
  std::map<uint64_t, uint64_t> visits;  // of the pcs that are counted
  bool failed = false;
};
State state;

unsigned long long ull(uint64_t value) { return value; }

bool fail(const std::string& message) {
  error_report("%s", message.c_str());
  state.failed = true;
  qemu_system_shutdown_request(ShutdownCause::kHostError, 1);
  return false;
}

bool is_as_expected(const InterruptPoint& point) {
  if (!point.pc) return true;
  const std::vector<Cpu*>& cpus = cpu_list();
  const uint64_t pc = *point.pc;
  if (std::none_of(cpus.begin(), cpus.end(), [&](const Cpu* cpu) { return cpu->pc() == pc; }))
    return fail(stringf("interrupt at %llu: the hart is at pc 0x%llx, not at 0x%llx: this is another run than the one that was meant", ull(point.at),
                        ull(cpus.front()->pc()), ull(pc)));
  // The visit that stands here has not begun, so no breakpoint has counted it.
  const uint64_t visit = state.visits[pc] + 1;
  if (point.visit != 0 && point.visit != visit)
    return fail(stringf("interrupt at %llu: this is visit %llu to pc 0x%llx, not visit %llu: this is another run than the one that was meant",
                        ull(point.at), ull(visit), ull(pc), ull(point.visit)));
  return true;
}

bool act(const InterruptPoint& point) {
  if (!is_as_expected(point)) return false;
  if (!point.irq) {
    if (!guest_time_skip()) return fail(stringf("interrupt at %llu: no timer is armed there; give N:IRQ for a device's interrupt", ull(point.at)));
    return true;
  }
  guest_time_end_warp();
  if (const Status status = state.pulse(state.opaque, *point.irq); !status)
    return fail(stringf("interrupt at %llu: %s", ull(point.at), status.error().message.c_str()));
  return true;
}

}  // namespace

void schedule_start(Schedule schedule, Status (*pulse)(void* opaque, unsigned irq), void* opaque) {
  state.schedule.holds = std::move(schedule.holds);
  // By instruction; those at one instruction in the order in which they were given.
  std::vector<InterruptPoint>& points = state.schedule.points;
  for (const InterruptPoint& point : schedule.points)
    points.insert(std::upper_bound(points.begin(), points.end(), point.at, [](uint64_t at, const InterruptPoint& other) { return at < other.at; }), point);
  state.pulse = pulse;
  state.opaque = opaque;
  for (const InterruptPoint& point : state.schedule.points)
    if (point.visit != 0) state.visits[*point.pc] = 0;
  for (const auto& [pc, visits] : state.visits)
    for (Cpu* cpu : cpu_list()) cpu->insert_breakpoint(pc);
}

bool schedule_turn() {
  if (state.schedule.empty() || runstate() != RunState::kRunning) return true;
  const uint64_t now = total_instructions();
  const std::vector<InterruptHold>& holds = state.schedule.holds;
  const bool held = std::any_of(holds.begin(), holds.end(), [now](const InterruptHold& hold) { return now >= hold.from && now < hold.to; });
  for (Cpu* cpu : cpu_list()) cpu->interrupts_held = held;
  const std::vector<InterruptPoint>& points = state.schedule.points;
  while (state.next < points.size() && points[state.next].at <= now) {
    if (!act(points[state.next])) return false;
    state.next++;
  }
  return true;
}

int64_t schedule_budget() {
  if (state.schedule.empty()) return INT64_MAX;
  const uint64_t now = total_instructions();
  uint64_t next = UINT64_MAX;
  if (state.next < state.schedule.points.size()) next = state.schedule.points[state.next].at;
  for (const InterruptHold& hold : state.schedule.holds) {
    if (hold.from > now) next = std::min(next, hold.from);
    else if (hold.to > now) next = std::min(next, hold.to);
  }
  return static_cast<int64_t>(std::min<uint64_t>(next - now, INT64_MAX));
}

bool schedule_breakpoint(const Cpu& cpu) {
  const auto found = state.visits.find(cpu.pc());
  if (found == state.visits.end()) return false;
  found->second++;
  return true;
}

bool schedule_end() {
  if (state.failed) return false;
  if (state.next == state.schedule.points.size()) return true;
  error_report("interrupt at %llu: never reached; the run ended after %llu instructions", ull(state.schedule.points[state.next].at),
               ull(total_instructions()));
  return false;
}

void schedule_reset() { state = State{}; }

}  // namespace monochord
