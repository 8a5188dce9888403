// icount: VIRTUAL as a count of instructions. Options, arithmetic, adjustment of the shift. The slices themselves are the run loop's.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timer/internal.h"

using namespace monochord;

namespace {

constexpr IcountOptions kOff = {ICOUNT_DISABLED, 0, true, false};
constexpr int kAutoFirstShift = 3;

struct IcountState {
  IcountOptions options = kOff;
  int64_t bias = 0;
  int64_t last_delta = 0;
  int64_t own_count = 0;
  int64_t (*counter)(void) = nullptr;
  int64_t sample_raw = 0, sample_ns = 0;  // ICOUNT_SAMPLED
  uint32_t sample_rate = 0;
} state;

int64_t sampled_ns() {
  const __int128 passed = static_cast<__int128>(icount_get_raw() - state.sample_raw) * state.sample_rate >> 16;
  return saturating_add(state.sample_ns, passed > INT64_MAX ? INT64_MAX : static_cast<int64_t>(passed));
}

char error_text[160];

const char* option_error(const char* what, const char* value, int length, const char* instead) {
  snprintf(error_text, sizeof error_text, "-icount: %s '%.*s': %s", what, length > 40 ? 40 : length, value, instead);
  return error_text;
}

const char* parse_shift(const char* value, int length, IcountOptions* options) {
  char digits[24];
  if (length == 4 && strncmp(value, "auto", 4) == 0) {
    options->mode = ICOUNT_ADAPTATIVE;
    options->shift = kAutoFirstShift;
    return nullptr;
  }
  const char* instead = "give 0 to 10 or auto";
  if (length <= 0 || length >= static_cast<int>(sizeof digits)) return option_error("invalid shift value", value, length, instead);
  memcpy(digits, value, static_cast<size_t>(length));
  digits[length] = '\0';
  char* end;
  errno = 0;
  const long shift = strtol(digits, &end, 0);
  if (errno != 0 || *end != '\0' || end == digits || shift < 0 || shift > MAX_ICOUNT_SHIFT)
    return option_error("invalid shift value", value, length, instead);
  options->mode = ICOUNT_PRECISE;
  options->shift = static_cast<int>(shift);
  return nullptr;
}

bool parse_bool(const char* value, int length, bool* result) {
  if ((length == 2 && strncmp(value, "on", 2) == 0) || (length == 3 && strncmp(value, "yes", 3) == 0)) {
    *result = true;
  } else if ((length == 3 && strncmp(value, "off", 3) == 0) || (length == 2 && strncmp(value, "no", 2) == 0)) {
    *result = false;
  } else {
    return false;
  }
  return true;
}

}  // namespace

const char* icount_parse(const char* text, IcountOptions* options) {
  *options = kOff;
  bool first = true;
  bool sleep_given = false;
  bool align_given = false;
  for (const char* item = text; *item != '\0'; first = false) {
    const int item_length = static_cast<int>(strcspn(item, ","));
    const char* equals = static_cast<const char*>(memchr(item, '=', static_cast<size_t>(item_length)));
    const int key_length = equals != nullptr ? static_cast<int>(equals - item) : item_length;
    const char* value = equals != nullptr ? equals + 1 : item;
    const int value_length = static_cast<int>(item + item_length - value);
    const auto key_is = [&](const char* key) {
      return equals != nullptr && strlen(key) == static_cast<size_t>(key_length) && strncmp(item, key, static_cast<size_t>(key_length)) == 0;
    };
    // The name of the first option may be left out: "-icount auto".
    if (key_is("shift") || (first && equals == nullptr)) {
      if (const char* error = parse_shift(value, value_length, options)) return error;
    } else if (key_is("sleep")) {
      sleep_given = true;
      if (!parse_bool(value, value_length, &options->sleep)) return option_error("invalid sleep value", value, value_length, "give on or off");
    } else if (key_is("align")) {
      align_given = true;
      if (!parse_bool(value, value_length, &options->align)) return option_error("invalid align value", value, value_length, "give on or off");
    } else {
      return option_error("unknown option", item, item_length, "known are shift, sleep and align");
    }
    item += item_length;
    if (*item == ',') item++;
  }
  if (options->mode == ICOUNT_DISABLED && align_given) return "-icount: align does nothing without shift: add shift=N or shift=auto";
  if (options->mode == ICOUNT_DISABLED && sleep_given) return "-icount: sleep does nothing without shift: add shift=N or shift=auto";
  if (options->align && !options->sleep) return "-icount: align=on and sleep=off contradict each other: leave one out";
  if (options->mode == ICOUNT_ADAPTATIVE && options->align) return "-icount: shift=auto and align=on contradict each other: give a number as shift";
  if (options->mode == ICOUNT_ADAPTATIVE && !options->sleep)
    return "-icount: shift=auto and sleep=off contradict each other: give a number as shift";
  return nullptr;
}

const char* icount_configure(const char* text) {
  IcountOptions options;
  if (const char* error = icount_parse(text, &options)) return error;
  icount_set_options(&options);
  return nullptr;
}

void icount_set_options(const IcountOptions* options) {
  TIMER_CHECK(options->shift >= 0 && options->shift <= MAX_ICOUNT_SHIFT, "icount shift out of range");
  MaskGuard guard;
  state.options = *options;
  state.last_delta = 0;
  host_alarm_wanted();
}

IcountOptions icount_options(void) { return state.options; }

int icount_enabled(void) { return state.options.mode; }

int64_t icount_get_raw(void) { return state.counter != nullptr ? state.counter() : state.own_count; }

int64_t icount_to_ns(int64_t icount) { return saturating_scale(icount, 1 << state.options.shift); }

int64_t icount_get(void) {
  MaskGuard guard;
  if (state.options.mode == ICOUNT_SAMPLED) return saturating_add(state.bias, sampled_ns());
  return saturating_add(state.bias, icount_to_ns(icount_get_raw()));
}

int64_t icount_round(int64_t count_ns) {
  const int64_t unit = INT64_C(1) << state.options.shift;
  return count_ns / unit + (count_ns % unit > 0);
}

void icount_register_counter(int64_t (*instructions)(void)) {
  MaskGuard guard;
  state.counter = instructions;
}

void icount_advance(int64_t instructions) {
  MaskGuard guard;
  state.own_count = saturating_add(state.own_count, instructions);
}

void icount_set_sample(int64_t instructions, int64_t ns, uint32_t rate) {
  MaskGuard guard;
  TIMER_CHECK(ns >= icount_get(), "icount_set_sample would set VIRTUAL back");
  state.sample_raw = instructions;
  state.sample_ns = saturating_sub(ns, state.bias);
  state.sample_rate = rate;
}

void icount_add_bias(int64_t ns) {
  MaskGuard guard;
  state.bias = saturating_add(state.bias, ns);
}

int icount_adjust_shift(int64_t delta, int64_t last_delta, int shift) {
  const int64_t twice = saturating_scale(delta, 2);
  if (delta > 0 && saturating_add(last_delta, ICOUNT_WOBBLE) < twice && shift > 0) return shift - 1;
  if (delta < 0 && saturating_sub(last_delta, ICOUNT_WOBBLE) > twice && shift < MAX_ICOUNT_SHIFT) return shift + 1;
  return shift;
}

void icount_adjust(void) {
  MaskGuard guard;
  if (!cpu_ticks_enabled()) return;
  const int64_t now = icount_get();
  const int64_t delta = saturating_sub(now, cpu_get_clock());
  state.options.shift = icount_adjust_shift(delta, state.last_delta, state.options.shift);
  state.last_delta = delta;
  state.bias = saturating_sub(now, icount_to_ns(icount_get_raw()));
}

int64_t icount_deadline_ns(void) {
  const int64_t virtual_ns = qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, QEMU_TIMER_ATTR_ALL);
  const int64_t realtime_ns = qemu_clock_deadline_ns_all(QEMU_CLOCK_REALTIME, QEMU_TIMER_ATTR_ALL);
  const int64_t deadline = qemu_soonest_timeout(virtual_ns, realtime_ns);
  return deadline < 0 || deadline > INT32_MAX ? INT32_MAX : deadline;
}

int64_t icount_limit(void) { return icount_round(icount_deadline_ns()); }

int64_t icount_percpu_budget(int64_t limit, int cpu_count) {
  const int64_t share = limit / cpu_count;
  return share != 0 ? share : limit;
}

namespace monochord {
void icount_reset() { state = IcountState(); }
}  // namespace monochord
