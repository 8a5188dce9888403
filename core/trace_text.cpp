// The default sink of the trace: a line of text an event.
#include <qemu/timer.h>

#include "core/log.h"
#include "core/main_loop.h"
#include "core/trace.h"

namespace monochord {

void trace_text_sink(const TraceRecord& record) {
  const std::string line = stringf("%llu %lldns %s\n", static_cast<unsigned long long>(total_instructions()),
                                   static_cast<long long>(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)), trace_text(record).c_str());
  log_write(line.data(), line.size());
}

}  // namespace monochord
