/* Writes down what the timers do, a line an event, in the words of Monochord's own trace. */
#ifndef RECORDER_H
#define RECORDER_H

#include <stddef.h>

typedef struct Recorder {
  char text[8192];
  size_t length;
} Recorder;

/* Listens until timer_reset(). */
void recorder_start(Recorder *s);
#endif
