# The trap vector faults itself: mtvec points where nobody answers. The hart traps for ever.
.include "guest.inc"
.section .text.start
.globl _start
_start:
  print text
  li t0, 0x40000000
  csrw mtvec, t0
  ecall
text: .string "trapping\n"
