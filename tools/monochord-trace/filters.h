// Which events a command looks at: --from, --to, --insn, --event, --hart.
#pragma once

#include <optional>
#include <span>

#include "tools/monochord-trace/options.h"
#include "tools/monochord-trace/reader.h"

namespace monochord::trace {

inline constexpr OptionSpec kFilterOptions[] = {
    {"--from", "TIME", "leave out what is before that virtual time: a number with ns, us, ms or s"},
    {"--to", "TIME", "leave out what is after it"},
    {"--insn", "A..B", "only instruction counts A to B, both included; either may be missing"},
    {"--event", "PATTERN", "only events of that name, * and ? as in a shell; may be repeated"},
    {"--hart", "N", "only events that name that hart"},
};

class Filter {
 public:
  static Result<Filter> from(const Options& options);
  // Looks the patterns up in a file's schema. One that matches nothing is an error, unless `or_nothing`.
  Status bind(const Schema& schema, bool or_nothing = false);
  bool matches(const Schema& schema, const Event& event) const;

 private:
  std::optional<int64_t> from_, to_;
  std::optional<uint64_t> first_instruction_, last_instruction_, hart_;
  std::vector<std::string> patterns_;
  uint64_t types_ = ~uint64_t{0};
};

}  // namespace monochord::trace
