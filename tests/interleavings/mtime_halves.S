// Reads mtime in two halves, as a 32-bit bus has it, while the low half wraps.
// Defect: the high half is read once, before the low half. When the low half wraps in between, the time is 2^32 ticks (429 s) too early.
.include "race.inc"
.globl _start, race_begin, race_end
_start:
  li s0, 0
round:
  sync_tick s0
  li s1, 0xffffffff             // the low half wraps with the next tick
  li t0, MTIME
  sd s1, 0(t0)
  delay s0
  li t0, MTIME
#if BAD
  lwu t1, 4(t0)
race_begin:
  lwu t2, 0(t0)
race_end:
#else
1:lwu t1, 4(t0)
race_begin:
  lwu t2, 0(t0)
race_end:
  lwu a0, 4(t0)
  bne a0, t1, 1b                // it wrapped: once more
#endif
  ld a1, 0(t0)
  slli t1, t1, 32
  or s2, t1, t2
  bltu s2, s1, wrong            // s1 is before, a1 after
  bltu a1, s2, wrong
  addi s0, s0, 1
  li t2, ROUNDS
  bltu s0, t2, round
  print_number s0
  print fine_text
  power_off 0
wrong:
  print wrong_text
  print_number s0
  print read_text
  print_number s2
  print after_text
  print_number s1
  print end_text
  power_off 1

.balign 8
fine_text: .string " readings, all in order\n"
wrong_text: .string "time went back: round "
read_text: .string " read "
after_text: .string " after "
end_text: .string "\n"
