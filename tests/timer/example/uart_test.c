/* Tests of the serial port: time is moved by hand, the alarm comes where a test wants it, and the trace of a run is compared as text. */
#include "uart.h"

#include <port/virtual/virtual_timer_host.h>
#include <string.h>

#include "expect.h"
#include "recorder.h"

/* Two bytes on time; the third while the guest is in an access for 30 us. Then equal deadlines, and a byte that waits. */
static void run(Recorder *recorder) {
  Uart uart;
  virtual_timer_host_start(kVirtualMaskLazy);
  uart_init(&uart);
  recorder_start(recorder);

  uart_send(&uart, "abc");
  virtual_timer_host_advance_ns(UART_BYTE_NS);
  expect(uart_read(&uart, UART_STATUS) == UART_READY && !uart.irq, "one byte is ready and asks for nothing yet");
  virtual_timer_host_advance_ns(UART_BYTE_NS);
  expect(uart.irq, "two bytes raise the line");
  timer_mask_enter();
  virtual_timer_host_advance_ns(UART_BYTE_NS + 30 * SCALE_US);
  expect(uart.count == 2, "no callback while the mask is closed");
  timer_mask_leave();
  expect(uart.count == 3, "the leave runs it");
  expect(uart_read(&uart, UART_DATA) == 'a' && uart_read(&uart, UART_DATA) == 'b' && uart.count == 1 && !uart.irq, "reading takes the line back");

  virtual_timer_host_advance_ns(3 * UART_BYTE_NS);
  uart_send(&uart, "d"); /* complete at the very time at which `c` has waited long enough: that was armed first */
  virtual_timer_host_advance_ns(UART_BYTE_NS);
  expect(uart_read(&uart, UART_DATA) == 'c' && !uart.irq, "a byte resets the wait");
  virtual_timer_host_advance_ns(UART_IDLE_NS - 1);
  expect(!uart.irq, "not yet");
  virtual_timer_host_advance_ns(1);
  expect(uart.irq, "a byte has waited");
  expect(uart_read(&uart, UART_DATA) == 'd' && uart_read(&uart, UART_STATUS) == 0, "all is read");
  uart_send(&uart, "e");
  virtual_timer_host_advance_ns(UART_BYTE_NS);
  expect(uart_read(&uart, UART_DATA) == 'e' && !timer_pending(&uart.idle), "nothing is left that could wait");
  timer_reset();
}

static const char expected[] =
    "timer_armed timer=uart.rx clock=virtual deadline=100000ns\n"
    "alarm_armed deadline=100000ns\n"
    "alarm_raised\n"
    "alarm_delivered late=0ns\n"
    "timer_fired timer=uart.rx clock=virtual deadline=100000ns late=0ns\n"
    "timer_armed timer=uart.idle clock=virtual deadline=500000ns\n"
    "timer_armed timer=uart.rx clock=virtual deadline=200000ns\n"
    "timer_returned timer=uart.rx clock=virtual\n"
    "alarm_armed deadline=200000ns\n"
    "alarm_raised\n"
    "alarm_delivered late=0ns\n"
    "timer_fired timer=uart.rx clock=virtual deadline=200000ns late=0ns\n"
    "timer_armed timer=uart.idle clock=virtual deadline=600000ns\n"
    "timer_armed timer=uart.rx clock=virtual deadline=300000ns\n"
    "timer_returned timer=uart.rx clock=virtual\n"
    "alarm_armed deadline=300000ns\n"
    "alarm_raised\n"
    "alarm_deferred masked=30000ns\n"
    "timer_fired timer=uart.rx clock=virtual deadline=300000ns late=30000ns\n"
    "timer_armed timer=uart.idle clock=virtual deadline=730000ns\n"
    "timer_returned timer=uart.rx clock=virtual\n"
    "alarm_armed deadline=730000ns\n"
    "timer_armed timer=uart.idle clock=virtual deadline=730000ns\n"
    "timer_armed timer=uart.idle clock=virtual deadline=730000ns\n"
    "timer_armed timer=uart.rx clock=virtual deadline=730000ns\n"
    "alarm_raised\n"
    "alarm_delivered late=0ns\n"
    "timer_fired timer=uart.idle clock=virtual deadline=730000ns late=0ns\n"
    "timer_returned timer=uart.idle clock=virtual\n"
    "timer_fired timer=uart.rx clock=virtual deadline=730000ns late=0ns\n"
    "timer_armed timer=uart.idle clock=virtual deadline=1130000ns\n"
    "timer_returned timer=uart.rx clock=virtual\n"
    "alarm_armed deadline=1130000ns\n"
    "timer_armed timer=uart.idle clock=virtual deadline=1130000ns\n"
    "alarm_raised\n"
    "alarm_delivered late=0ns\n"
    "timer_fired timer=uart.idle clock=virtual deadline=1130000ns late=0ns\n"
    "timer_returned timer=uart.idle clock=virtual\n"
    "timer_armed timer=uart.rx clock=virtual deadline=1230000ns\n"
    "alarm_armed deadline=1230000ns\n"
    "alarm_raised\n"
    "alarm_delivered late=0ns\n"
    "timer_fired timer=uart.rx clock=virtual deadline=1230000ns late=0ns\n"
    "timer_armed timer=uart.idle clock=virtual deadline=1630000ns\n"
    "timer_returned timer=uart.rx clock=virtual\n"
    "alarm_armed deadline=1630000ns\n"
    "timer_cancelled timer=uart.idle clock=virtual deadline=1630000ns\n";

static void trace_of_a_run(void) {
  static Recorder first, second;
  run(&first);
  run(&second);
  fputs(first.text, stdout);
  expect_text(first.text, expected, "the trace is the expected one");
  expect_text(second.text, first.text, "a second run gives the same text");
}

/* While the guest leaves an access a byte comes before the mask opens (so that something is pending and every window is passed), and one more in the
   chosen window. */
typedef struct Script {
  TimerMaskWindow window;
  bool first, second;
} Script;

static void byte_comes(bool *once) {
  if (*once) return;
  *once = true;
  virtual_timer_host_set_ns(virtual_timer_host_ns() + UART_BYTE_NS);
  virtual_timer_host_deliver_due();
}

static void in_window(void *opaque, TimerMaskWindow window) {
  Script *s = opaque;
  if (window == kMaskWindowBeforeOpen) byte_comes(&s->first);
  if (window == s->window) byte_comes(&s->second);
}

static void byte_in_window(VirtualMasking masking, TimerMaskWindow window, const char *name) {
  Uart uart;
  Script script = {window, false, false};
  char read[6] = "";
  int failures_before = failures;
  virtual_timer_host_start(masking);
  uart_init(&uart);
  uart_send(&uart, "abcd");
  virtual_timer_host_advance_ns(UART_BYTE_NS);
  virtual_timer_host_on_window(in_window, &script);
  read[0] = (char)uart_read(&uart, UART_DATA);
  virtual_timer_host_on_window(NULL, NULL);
  expect(script.first && script.second, "the window is passed");
  expect(uart.irq, "two bytes that come during a read raise the line");
  virtual_timer_host_advance_ns(UART_BYTE_NS);
  for (int i = 1; i < 5 && uart_read(&uart, UART_STATUS) == UART_READY; i++) read[i] = (char)uart_read(&uart, UART_DATA);
  expect(strcmp(read, "abcd") == 0, "no byte is lost, doubled or out of order");
  expect(!uart.irq && !timer_pending(&uart.rx) && !timer_pending(&uart.idle), "nothing is left");
  timer_reset();
  if (failures != failures_before) fprintf(stderr, "  in window %s: read \"%s\"\n", name, read);
}

int main(void) {
  trace_of_a_run();
  byte_in_window(kVirtualMaskLazy, kMaskWindowBeforeOpen, "BeforeOpen");
  byte_in_window(kVirtualMaskLazy, kMaskWindowOpen, "Open");
  byte_in_window(kVirtualMaskLazy, kMaskWindowBeforePending, "BeforePending");
  byte_in_window(kVirtualMaskLazy, kMaskWindowAfterRun, "AfterRun");
  /* Strict: the first byte's signal waits in the host and comes when the mask opens. Nothing is pending then, so the last two are not passed. */
  byte_in_window(kVirtualMaskStrict, kMaskWindowBeforeOpen, "BeforeOpen, strict");
  byte_in_window(kVirtualMaskStrict, kMaskWindowOpen, "Open, strict");
  return failures != 0;
}
