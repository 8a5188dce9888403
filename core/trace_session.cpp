#include "core/trace_session.h"

#include <qemu/timer.h>

#include "core/log.h"
#include "core/main_loop.h"
#include "core/trace_file.h"
#include "core/trace_timers.h"

namespace monochord {

namespace {

constexpr uint64_t kHostEvents = trace_events_of(TraceStream::kHost);

struct Session {
  uint64_t file_events = 0, text_events = 0;
  std::unique_ptr<TraceFile> files[2];  // by TraceStream
  uint64_t ring = 0;
  volatile sig_atomic_t failed = 0;
};
Session session;

void write_record(const TraceRecord& record) {
  DCHECK(timer_mask.depth != 0);  // a callback may not come in the middle
  const uint64_t event = uint64_t{1} << record.event;
  if (session.file_events & event) {
    TraceFile& file = *session.files[(kHostEvents & event) != 0];
    file.append(record, total_instructions(), qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
  }
  if (session.text_events & event) trace_text_sink(record);
}

void save_after_crash() {
  trace_mask = 0;
  for (std::unique_ptr<TraceFile>& file : session.files)
    if (file != nullptr) file->save_after_crash();
}

Status open_files(const TraceRequest& request) {
  for (const TraceStream stream : {TraceStream::kGuest, TraceStream::kHost}) {
    TraceFileOptions options;
    const bool host = stream == TraceStream::kHost;
    options.path = host ? request.file + ".host" : request.file;
    options.stream = stream;
    options.events = request.events & trace_events_of(stream);
    options.ring_events = request.ring;
    if (host && options.events == 0) break;
    Result<std::unique_ptr<TraceFile>> file = TraceFile::open(options);
    if (!file) return file.error();
    session.files[host] = std::move(*file);
  }
  return {};
}

void end_session() { session = Session(); }

}  // namespace

Status trace_start(const TraceRequest& request) {
  CHECK(session.files[0] == nullptr);
  const bool to_file = !request.file.empty();
  if (to_file) {
    if (Status ok = open_files(request); !ok) {
      end_session();
      return ok;
    }
    set_crash_hook(save_after_crash);
  }
  session.file_events = to_file ? request.events : 0;
  session.text_events = request.text_events | (to_file ? 0 : request.events);
  session.ring = request.ring;
  trace_set_sink(write_record);
  trace_mask = session.file_events | session.text_events;
  trace_timers_start();
  return {};
}

void trace_files_fail() { session.failed = 1; }

int trace_finish(int status) {
  trace_timers_stop();
  trace_disable_all();
  trace_set_sink(nullptr);
  const bool failed = status != 0 || session.failed;
  for (const std::unique_ptr<TraceFile>& file : session.files) {
    if (file == nullptr) continue;
    const bool written = file->close(failed);
    if (!written && status == 0) status = 1;
    if (written && failed && session.ring != 0) error_report("the run has failed: its last events are in %s", file->path().c_str());
  }
  set_crash_hook(nullptr);
  end_session();
  return status;
}

}  // namespace monochord
