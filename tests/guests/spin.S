# Counts for ever: a CPU-bound guest.
.include "guest.inc"
.section .text.start
.globl _start
_start:
  print text
  li s1, 0
loop:
  addi s1, s1, 1
  xor s2, s1, s2
  slli s3, s1, 3
  add s2, s2, s3
  j loop
text: .string "spinning\n"
