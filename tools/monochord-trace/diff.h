// Comparing two traces: exactly (diff.cpp), or what their mainlines did (align.cpp).
#pragma once

#include "tools/monochord-trace/output.h"
#include "tools/monochord-trace/reader.h"

namespace monochord::trace {

enum class Stamps { kShown, kLeftOut };

// Whether two events say the same, whatever the numbers are that their files give them.
bool same_event(const Schema& a_schema, const Event& a, const Schema& b_schema, const Event& b, Stamps stamps);
// "late: 20ns and 30ns, instruction: 5 and 6"
std::string difference_text(const Schema& a_schema, const Event& a, const Schema& b_schema, const Event& b, Stamps stamps);
std::string diff_line(char mark, const Schema& schema, const Event& event);

// How many chunks at the beginning are equal, by the hashes of the two indexes: a binary search, since a hash covers all before it.
Result<uint64_t> equal_chunks(Reader& a, Reader& b);

// The mainlines' events without stamps, and which interrupts were taken where. kSame, kDifferent or an error.
Result<int> compare_mainlines(Reader& a, Reader& b, unsigned context, Output& output);

}  // namespace monochord::trace
