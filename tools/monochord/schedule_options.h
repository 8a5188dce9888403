// The text forms of --interrupt-at and --hold-interrupt (core/schedule.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/schedule.h"

namespace monochord {

// "N[:IRQ] [pc=ADDRESS [visit=K]]"; an error begins with `what`.
Result<InterruptPoint> parse_interrupt_point(const std::string& what, std::string_view text);
// A line a point; blank lines and what follows # are left out. An error names the line.
Result<std::vector<InterruptPoint>> read_interrupt_points(const std::string& path);
// "N..M".
Result<InterruptHold> parse_interrupt_hold(std::string_view text);

}  // namespace monochord
