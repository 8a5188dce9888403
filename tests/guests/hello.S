# Prints a line and powers off with status 7: the smallest guest that shows console and exit status.
.include "guest.inc"
.section .text.start
.globl _start
_start:
  print text
  power_off 7
text: .string "hello from the guest\n"
