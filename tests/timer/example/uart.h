/* The receiving half of a serial port. The wire brings a byte every 100 us into a FIFO of four. The interrupt line is up while two bytes or more
   wait, or when one has waited for 400 us in which nothing happened. */
#ifndef UART_H
#define UART_H

#include <qemu/timer.h>

#define UART_BYTE_NS (100 * SCALE_US)
#define UART_IDLE_NS (4 * UART_BYTE_NS)

enum { UART_DATA, UART_STATUS };           /* registers; a read of STATUS clears OVERRUN */
enum { UART_READY = 1, UART_OVERRUN = 2 }; /* bits of STATUS */

typedef struct Uart {
  QEMUTimer rx;         /* a byte is complete */
  QEMUTimer idle;       /* a byte has waited long enough */
  const char *wire;     /* what is still to come */
  int64_t rx_ns;        /* when its first byte is complete */
  uint8_t fifo[4];
  int count;
  bool waited, overrun;
  bool irq;
} Uart;

void uart_init(Uart *s);
void uart_send(Uart *s, const char *bytes); /* the other end of the wire sends them from now on */
uint8_t uart_read(Uart *s, int reg);        /* the guest's load */
#endif
