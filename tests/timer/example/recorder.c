#include "recorder.h"

#include <timer/host.h>

static void record(void *opaque, const TimerEvent *event) {
  Recorder *s = opaque;
  size_t room = sizeof s->text - s->length;
  size_t length = (size_t)timer_event_text(s->text + s->length, room, event);
  if (length == 0 || length + 1 >= room) return; /* no line in the trace, or no room: the text ends here */
  s->length += length;
  s->text[s->length++] = '\n';
  s->text[s->length] = '\0';
}

void recorder_start(Recorder *s) {
  s->text[0] = '\0';
  s->length = 0;
  timer_set_observer(record, s);
}
