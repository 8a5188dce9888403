#include "tools/monochord/rtc_base.h"

#include <cstdio>
#include <ctime>

namespace monochord {

Result<std::optional<int64_t>> parse_rtc_base(const std::string& base) {
  constexpr int64_t kSecond = 1'000'000'000;
  if (base == "utc") return std::optional<int64_t>();
  if (base == "localtime") {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    tm local{};
    localtime_r(&now.tv_sec, &local);
    return std::optional<int64_t>(static_cast<int64_t>(timegm(&local)) * kSecond + now.tv_nsec);
  }
  tm date{};
  int used = 0;
  const char* text = base.c_str();
  if (sscanf(text, "%d-%d-%d%n", &date.tm_year, &date.tm_mon, &date.tm_mday, &used) == 3) {
    const char* rest = text + used;
    int more = 0;
    const bool whole = *rest == '\0' || (sscanf(rest, "T%d:%d:%d%n", &date.tm_hour, &date.tm_min, &date.tm_sec, &more) == 3 && rest[more] == '\0');
    const bool sane = date.tm_year >= 1970 && date.tm_year < 2262 && date.tm_mon >= 1 && date.tm_mon <= 12 && date.tm_mday >= 1 && date.tm_mday <= 31 &&
                      date.tm_hour >= 0 && date.tm_hour < 24 && date.tm_min >= 0 && date.tm_min < 60 && date.tm_sec >= 0 && date.tm_sec < 61;
    if (whole && sane) {
      date.tm_year -= 1900;
      date.tm_mon -= 1;
      return std::optional<int64_t>(static_cast<int64_t>(timegm(&date)) * kSecond);
    }
  }
  return errorf("-rtc base=%s: use utc, localtime or a date like 2026-01-31T12:00:00", base.c_str());
}

}  // namespace monochord
