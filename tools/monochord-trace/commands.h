// The commands: each parses its own arguments, prints its result, and returns the exit status. One error is one line on stderr.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tools/monochord-trace/options.h"
#include "tools/monochord-trace/output.h"
#include "tools/monochord-trace/reader.h"

namespace monochord::trace {

enum ExitStatus { kSame = 0, kDifferent = 1, kTrouble = 2 };

using Arguments = std::span<const std::string_view>;

int show_command(Arguments arguments);
int stats_command(Arguments arguments);
int diff_command(Arguments arguments);
int export_command(Arguments arguments);
int pack_command(Arguments arguments);
int unpack_command(Arguments arguments);

// Prints "monochord-trace: MESSAGE" (nothing for an empty one) and returns kTrouble.
int trouble(const Error& error);
// Opens a trace and reads all of it once, so that nothing is printed of a damaged one; says so where it was not closed.
Result<std::unique_ptr<Reader>> open_trace(const std::string& path);
// An output's end as an exit status: `status`, or kTrouble where it could not be written.
int finish(Output& output, int status = kSame);
// Text for --help, and whether it was asked for (then it is printed).
bool asked_for_help(Arguments arguments, std::string_view usage, std::span<const OptionSpec> options);
// Both lists as one.
std::vector<OptionSpec> joined(std::span<const OptionSpec> a, std::span<const OptionSpec> b);

}  // namespace monochord::trace
