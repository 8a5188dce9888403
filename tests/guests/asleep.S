# Sleeps with nothing that could wake it.
.include "guest.inc"
.section .text.start
.globl _start
_start:
  print text
  csrw mie, zero
1:wfi
  j 1b
text: .string "asleep\n"
