// Sleeps until a timer interrupt has set a flag.
// Defect: the interrupt comes after the look at the flag and before wfi. The flag is set, nobody looks, and wfi waits for the next interrupt,
// whatever that may be: here the housekeeping timer, a tenth of a second later.
.include "race.inc"
.globl _start, race_begin, race_end
_start:
  la s2, flag
  timer_interrupts handler
  li s0, 0
round:
  sync_tick s0
  addi s1, t1, 1                // the next tick, somewhat less than TICK instructions away
  sd zero, 0(s2)
  set_mtimecmp s1, t0
  delay s0

look:
#if BAD
  ld t1, 0(s2)
race_begin:
  bnez t1, awake
  wfi
race_end:
  j look
awake:
#else
  csrci mstatus, MIE
  ld t1, 0(s2)
race_begin:
  bnez t1, awake
  wfi                           // ends for what is pending, also while interrupts are off
race_end:
  csrsi mstatus, MIE            // and the handler runs here
  j look
awake:
  csrsi mstatus, MIE
#endif
  read_mtime t1
  sub s3, t1, s1                // ticks from the deadline to here
  li t2, LATE
  bge s3, t2, lost
  addi s0, s0, 1
  li t2, ROUNDS
  bltu s0, t2, round
  print_number s0
  print fine_text
  power_off 0
lost:
  print lost_text
  print_number s0
  print slept_text
  print_number s3
  print ticks_text
  power_off 1

.balign 4
handler:
  expect_cause MTI
  read_mtime t3
  bltu t3, s1, 1f
  li t4, 1                      // the deadline has come
  sd t4, 0(s2)
1:li t4, SECOND / 10            // housekeeping
  add t3, t3, t4
  set_mtimecmp t3, t4
  mret

.balign 8
flag: .dword 0
fine_text: .string " wakeups, none lost\n"
lost_text: .string "lost wakeup: round "
slept_text: .string " slept on for "
ticks_text: .string " ticks\n"
