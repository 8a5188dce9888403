// A counter that the mainline and the timer's handler both increment.
// Defect: the mainline's increment is a load, an addition and a store. What the handler adds between the load and the store is lost.
.include "race.inc"
.equ LOOPS, 100000
.equ PERIOD, 50                 // ticks; a host in real time needs some microseconds for an interrupt
.globl _start, race_begin, race_end
_start:
  la s2, counter
  la s3, interrupts
  li s0, LOOPS
  li s4, 1
  read_mtime t1
  addi t1, t1, PERIOD
  set_mtimecmp t1, t0
  timer_interrupts handler
loop:
#if BAD
  ld t1, 0(s2)
race_begin:
  addi t1, t1, 1
  sd t1, 0(s2)
race_end:
#else
race_begin:
  amoadd.d zero, s4, 0(s2)
race_end:
#endif
  addi s0, s0, -1
  bnez s0, loop
loop_end:
  csrci mstatus, MIE
  ld s5, 0(s3)
  li s6, LOOPS
  add s6, s6, s5                // what it should be
  ld s7, 0(s2)
  print counter_text
  print_number s7
  print of_text
  print_number s6
  print end_text
  bne s7, s6, lost
  power_off 0
lost:
  power_off 1

.balign 4
handler:
  expect_cause MTI
  ld t3, 0(s2)
  addi t3, t3, 1
  sd t3, 0(s2)
  ld t3, 0(s3)
  addi t3, t3, 1
  sd t3, 0(s3)
  read_mtime t3
  addi t3, t3, PERIOD
  set_mtimecmp t3, t4
  mret
// Interrupts come at whole ticks, which are multiples of the loop's five instructions, and handler and entry aren't: each meets the loop at another
// one.

.balign 8
counter: .dword 0
interrupts: .dword 0
counter_text: .string "counter "
of_text: .string " of "
end_text: .string "\n"
