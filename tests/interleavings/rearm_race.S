// A one-shot timer that the mainline arms again and again; the handler says `fired` and switches it off.
// Defect: the mainline arms first and clears `fired` then. A deadline that passes in between has its `fired` cleared: the tick is lost, and as only a
// tick leads to the next arming, the timer is dead.
.include "race.inc"
.globl _start, race_begin, race_end
_start:
  la s2, fired
  timer_interrupts handler
  li s0, 0
round:
  sync_tick s0
  addi s1, t1, 1
  delay s0
  li t0, MTIMECMP
#if BAD
  sd s1, 0(t0)
race_begin:
  sd zero, 0(s2)
race_end:
#else
  sd zero, 0(s2)
race_begin:
  sd s1, 0(t0)
race_end:
#endif
  li a1, -1
1:ld t2, 0(t0)
  ld t1, 0(s2)
  bnez t1, 2f
  bne t2, a1, 1b                // still armed
  j dead                        // the handler has switched the timer off, and nobody says that it fired
2:addi s0, s0, 1
  li t2, ROUNDS
  bltu s0, t2, round
  print_number s0
  print fine_text
  power_off 0
dead:
  print dead_text
  print_number s0
  print end_text
  power_off 1

.balign 4
handler:
  expect_cause MTI
  li t3, -1
  set_mtimecmp t3, t4
  li t3, 1
  sd t3, 0(s2)
  mret

.balign 8
fired: .dword 0
fine_text: .string " ticks, none lost\n"
dead_text: .string "lost tick: the timer is dead after "
end_text: .string " ticks\n"
