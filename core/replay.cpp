#include "core/replay.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/guest_time.h"
#include "core/input_gate.h"
#include "core/log.h"
#include "core/loop_internal.h"
#include "core/trace.h"

namespace monochord {

ReplayMode replay_mode_now = ReplayMode::kNone;

namespace {

// A sample in so many has a digest.
constexpr unsigned kSamplesPerDigest = 64;
// Between two samples VIRTUAL runs a little slower than it did between the two before, so that it lags behind real time and never has to wait.
// In 65536ths of a ns an instruction.
constexpr uint32_t kRateFirst = 1 << 14;  // 0.25 ns
constexpr uint32_t kRateMost = 16 << 16;

struct State {
  std::unique_ptr<ReplayWriter> writer;
  std::unique_ptr<ReplayReader> reader;
  std::vector<InputGate*> gates;
  bool may_look = true;
  bool looked = false;
  uint64_t looked_at = 0;  // the instruction of the last look
  uint64_t samples = 0;
  uint64_t sample_instruction = 0;
  int64_t sample_ns = 0;
  uint32_t rate = kRateFirst;
  bool failed = false;
};
State state;

unsigned long long ull(uint64_t value) { return value; }

uint64_t digest() {
  uint64_t hash = 0;
  for (const Cpu* cpu : cpu_list()) hash = hash * 0x9e3779b97f4a7c15 + cpu->state_digest();
  return hash;
}

bool sampled() { return icount_enabled() == ICOUNT_SAMPLED; }

ReplayRecord here(ReplayKind kind) {
  ReplayRecord record;
  record.kind = kind;
  record.instruction = total_instructions();
  record.virtual_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  return record;
}

void append_with_digest(ReplayRecord record) {
  record.has_digest = true;
  record.digest = digest();
  state.writer->append(record);
}

// Recording and playing alike: VIRTUAL is `ns` now, and how it goes on.
void take_sample(uint64_t instruction, int64_t ns) {
  if (instruction > state.sample_instruction) {
    const unsigned __int128 ran = static_cast<unsigned __int128>(ns - state.sample_ns) << 16;
    const unsigned __int128 rate = ran / (instruction - state.sample_instruction) * 7 / 8;
    state.rate = static_cast<uint32_t>(std::min<unsigned __int128>(rate, kRateMost));
  }
  state.sample_instruction = instruction;
  state.sample_ns = ns;
  state.samples++;
  const int64_t before = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  icount_set_sample(static_cast<int64_t>(instruction), ns, state.rate);
  if (ns != before) trace_clock_advanced(int{QEMU_CLOCK_VIRTUAL}, before, ns);
}

void fail(const std::string& what) {
  if (state.failed) return;
  state.failed = true;
  error_report("replay of %s: %s", state.reader->path().c_str(), what.c_str());
  qemu_system_shutdown_request(ShutdownCause::kHostError, 1);
}

void check_digest(const ReplayRecord& record) {
  if (!record.has_digest || record.digest == digest()) return;
  fail(stringf("the guest's registers are not those of the recording at instruction %llu: the run has gone another way before", ull(record.instruction)));
}

// The record that stands here, or null.
const ReplayRecord* record_here() {
  if (state.reader == nullptr || state.failed) return nullptr;
  const ReplayRecord* record = state.reader->peek();
  if (record == nullptr) return nullptr;
  const uint64_t now = total_instructions();
  if (record->instruction < now) {
    fail(stringf("the guest went past instruction %llu, where the recording has something", ull(record->instruction)));
    return nullptr;
  }
  return record->instruction == now ? record : nullptr;
}

// The guest ends the run by itself, and does so in the replay.
bool is_guests(ShutdownCause cause) {
  return cause == ShutdownCause::kGuestShutdown || cause == ShutdownCause::kGuestReset || cause == ShutdownCause::kDeadlock;
}

ShutdownCause cause_of(const ReplayRecord& end) { return static_cast<ShutdownCause>(end.value & 15); }

void end_as(const ReplayRecord& end) { qemu_system_shutdown_request(cause_of(end), static_cast<int>(end.value / 16 & 0xff)); }

InputGate* find_gate(const std::string& name) {
  for (InputGate* gate : state.gates)
    if (name == gate->name()) return gate;
  return nullptr;
}

}  // namespace

// --- start and end --------------------------------------------------------------------------------------------------------
void replay_start_recording(std::unique_ptr<ReplayWriter> writer) {
  state.writer = std::move(writer);
  replay_mode_now = ReplayMode::kRecord;
}

void replay_start_playing(std::unique_ptr<ReplayReader> reader) {
  state.reader = std::move(reader);
  replay_mode_now = ReplayMode::kPlay;
}

int replay_end(int status, ShutdownCause cause) {
  if (replay_mode_now == ReplayMode::kRecord) {
    ReplayRecord end = here(ReplayKind::kEnd);
    end.value = static_cast<uint64_t>(status & 0xff) * 16 + static_cast<uint64_t>(cause);
    append_with_digest(end);
    return state.writer->close() || status != 0 ? status : 1;
  }
  if (replay_mode_now != ReplayMode::kPlay || state.failed) return status;
  const ReplayRecord* record = record_here();
  if (is_guests(cause) && (record == nullptr || record->kind != ReplayKind::kEnd)) {
    fail(stringf("the guest ended after %llu instructions, and the recording goes on", ull(total_instructions())));
    return 1;
  }
  if (record == nullptr || record->kind != ReplayKind::kEnd) return status;  // somebody ended the replay
  check_digest(*record);
  return state.failed ? 1 : status;
}

std::string replay_status() {
  if (replay_mode_now == ReplayMode::kRecord) return stringf("recording to %s: %llu records\n", state.writer->path().c_str(), ull(state.writer->records()));
  if (replay_mode_now == ReplayMode::kNone) return "neither recording nor replaying\n";
  const ReplayRecord* next = state.reader->peek();
  std::string text = stringf("replaying %s", state.reader->path().c_str());
  if (next != nullptr) text += stringf(": the next record is at instruction %llu", ull(next->instruction));
  return text + "\n";
}

void replay_forget() {
  state = State{};
  replay_mode_now = ReplayMode::kNone;
}

// --- the loop's -------------------------------------------------------------------------------------------------------------
void replay_turn(bool asleep, bool guest_left_by_itself) {
  if (replay_mode_now == ReplayMode::kNone) return;
  const uint64_t now = total_instructions();
  if (replay_mode_now == ReplayMode::kRecord) {
    if (!sampled()) return;
    state.may_look = asleep || ((!state.looked || now != state.looked_at) && !guest_left_by_itself);
    if (!state.may_look || runstate() != RunState::kRunning) return;
    state.looked = true;
    state.looked_at = now;
    const int64_t ns = std::max(cpu_get_clock(), qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
    ReplayRecord record = here(ReplayKind::kSample);
    record.virtual_ns = ns;
    if (state.samples % kSamplesPerDigest == 0) append_with_digest(record);
    else state.writer->append(record);
    take_sample(now, ns);
    return;
  }
  // Nothing was recorded while the machine was stopped but input, which comes when it runs.
  const ReplayRecord* record = runstate() == RunState::kRunning ? record_here() : nullptr;
  state.may_look = record != nullptr && (sampled() || record->virtual_ns <= qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
  if (!state.may_look || record->kind != ReplayKind::kSample) return;
  check_digest(*record);
  if (record->virtual_ns < qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) {
    fail(stringf("at instruction %llu the guest's clock is ahead of the recording's", ull(now)));
    return;
  }
  take_sample(now, record->virtual_ns);
  state.reader->next();
}

bool replay_may_look() { return state.may_look; }

int64_t replay_budget() {
  if (replay_mode_now != ReplayMode::kPlay) return INT64_MAX;
  const ReplayRecord* record = state.reader->peek();
  if (record == nullptr) return INT64_MAX;
  const uint64_t now = total_instructions();
  return record->instruction > now ? static_cast<int64_t>(record->instruction - now) : 0;
}

bool replay_wakes(int64_t deadline_ns) {
  const ReplayRecord* record = record_here();
  if (record == nullptr) return false;
  const int64_t ahead = record->virtual_ns - qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
  if (!sampled() && deadline_ns >= 0 && ahead >= deadline_ns) return false;
  if (record->kind == ReplayKind::kEnd) {
    end_as(*record);
  } else if (record->kind == ReplayKind::kWarp) {
    if (ahead > 0) guest_time_warp(ahead);
    state.reader->next();
  } else if (!sampled() && ahead > 0) {
    fail(stringf("at instruction %llu the guest's clock is behind the recording's", ull(record->instruction)));
  }
  return true;
}

void replay_sleeps_for_ever() { fail(stringf("the guest sleeps at instruction %llu, where the recording's went on", ull(total_instructions()))); }

bool replay_deliver() {
  bool any = false;
  for (const ReplayRecord* record = record_here(); record != nullptr && state.may_look; record = record_here()) {
    if (record->kind != ReplayKind::kInput && record->kind != ReplayKind::kBreak) break;
    if (record->virtual_ns > qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) break;
    check_digest(*record);
    InputGate* gate = find_gate(record->gate);
    if (gate == nullptr) {
      fail(stringf("input for '%s', which this machine doesn't have", record->gate.c_str()));
      break;
    }
    if (record->kind == ReplayKind::kInput) gate->deliver(reinterpret_cast<const uint8_t*>(record->bytes.data()), record->bytes.size());
    else gate->deliver_break();
    state.reader->next();
    any = true;
  }
  return any;
}

void replay_record_reset(int cause) {
  if (replay_mode_now != ReplayMode::kRecord) return;
  ReplayRecord record = here(ReplayKind::kReset);
  record.value = static_cast<uint64_t>(cause);
  append_with_digest(record);
}

int replay_take_reset() {
  const ReplayRecord* record = record_here();
  if (record == nullptr || record->kind != ReplayKind::kReset || !state.may_look) return 0;
  check_digest(*record);
  const int cause = static_cast<int>(record->value & 0xff);
  state.reader->next();
  return cause;
}

void replay_take_end() {
  const ReplayRecord* record = record_here();
  if (record != nullptr && record->kind == ReplayKind::kEnd && state.may_look && !is_guests(cause_of(*record))) end_as(*record);
}

// --- the gates' ---------------------------------------------------------------------------------------------------------------
void replay_add_gate(InputGate& gate) { state.gates.push_back(&gate); }
void replay_remove_gate(InputGate& gate) { std::erase(state.gates, &gate); }

void replay_record_input(const InputGate& gate, const uint8_t* bytes, size_t size) {
  ReplayRecord record = here(ReplayKind::kInput);
  record.gate = gate.name();
  record.bytes.assign(reinterpret_cast<const char*>(bytes), size);
  append_with_digest(record);
}

void replay_record_break(const InputGate& gate) {
  ReplayRecord record = here(ReplayKind::kBreak);
  record.gate = gate.name();
  append_with_digest(record);
}

void replay_record_warp() {
  if (replay_mode_now == ReplayMode::kRecord && !sampled()) append_with_digest(here(ReplayKind::kWarp));
}

}  // namespace monochord
