// The forms that a trace can be exported to. Each reads the file through `filter`, as often as it likes.
#pragma once

#include <string>
#include <vector>

#include "tools/monochord-trace/filters.h"
#include "tools/monochord-trace/output.h"
#include "tools/monochord-trace/reader.h"

namespace monochord::trace {

class GuestCode;

Status export_vcd(Reader& reader, const Filter& filter, Output& output);
Status export_perfetto(Reader& reader, const Filter& filter, Output& output);
// Disassembly comes from `code`, which may be empty.
Status export_html(Reader& reader, const Filter& filter, const GuestCode& code, Output& output);

}  // namespace monochord::trace
