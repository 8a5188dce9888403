// -rtc base=: the guest's calendar at the start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"

namespace monochord {

// ns since 1970 UTC; nothing for "utc" (the host's clock as it is). "localtime" shifts by the host's zone; "2026-01-31T12:00:00" or "2026-01-31" is fixed.
Result<std::optional<int64_t>> parse_rtc_base(const std::string& base);

}  // namespace monochord
