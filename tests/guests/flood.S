# Prints for ever, whether somebody reads or not.
.include "guest.inc"
.section .text.start
.globl _start
_start:
  print text
  j _start
text: .string "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"
