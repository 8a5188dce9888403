// A watchdog whose deadline the mainline moves ahead, a tenth of a second each time, with mtimecmp written in two halves as a 32-bit bus has it.
// Defect: the low half goes first. When the deadline crosses 2^32 the new low half is small and the high half still the old one: for the time of one
// instruction the deadline lies in the past.
.include "race.inc"
.equ AHEAD, SECOND / 10
.globl _start, race_begin, race_end
_start:
  la s2, bitten
  li t0, MTIME
  li t1, (1 << 32) - AHEAD - 40 // so the deadline crosses 2^32 after 40 ticks
  sd t1, 0(t0)
  li s1, AHEAD
  add s1, s1, t1
  set_mtimecmp s1, t0
  li s4, 80
  add s4, s4, t1                // when to end
  timer_interrupts handler
  li s0, 0
kick:
  read_mtime t1
  li t2, AHEAD
  add s1, t1, t2
  srli t2, s1, 32
  li t0, MTIMECMP
#if BAD
  sw s1, 0(t0)
race_begin:
  sw t2, 4(t0)
race_end:
#else
  li t1, -1
  sw t1, 4(t0)                  // no deadline is near, whatever the low half is
race_begin:
  sw s1, 0(t0)
  sw t2, 4(t0)
race_end:
#endif
  addi s0, s0, 1
  ld t1, 0(s2)
  bnez t1, bite
  read_mtime t1
  bltu t1, s4, kick
  print_number s0
  print fine_text
  power_off 0
bite:
  ld s3, 8(s2)
  sub s3, s1, s3
  print bite_text
  print_number s3
  print early_text
  power_off 1

.balign 4
handler:
  expect_cause MTI
  li t3, 1
  sd t3, 0(s2)
  read_mtime t3
  sd t3, 8(s2)
  li t3, -1
  set_mtimecmp t3, t4
  mret

.balign 8
bitten: .dword 0, 0             // whether, and when
fine_text: .string " deadlines, no spurious interrupt\n"
bite_text: .string "spurious interrupt: "
early_text: .string " ticks before the deadline\n"
