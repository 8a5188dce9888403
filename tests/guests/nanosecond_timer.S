# Asks for a timer interrupt at once, for ever: mtimecmp is always in the past when the handler leaves. A slow machine, not a dead one.
.include "guest.inc"
.section .text.start
.globl _start
_start:
  print text
  la t0, handler
  csrw mtvec, t0
  li t0, 0x80
  csrs mie, t0
  csrsi mstatus, 8
  li s1, 0
1:addi s1, s1, 1
  li t0, MTIME                 # and the main line re-arms, too
  ld t1, 0(t0)
  addi t1, t1, 1
  li t0, MTIMECMP
  sd t1, 0(t0)
  j 1b
.align 2
handler:
  li t5, MTIME
  ld t6, 0(t5)
  li t5, MTIMECMP
  addi t6, t6, 1
  sd t6, 0(t5)
  mret
text: .string "re-arming\n"
