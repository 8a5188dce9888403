// A tickless idle loop: program the timer for the earliest event, sleep. A device (played by the supervisor timer, Sstc) interrupts once a round and
// queues an event that is earlier than all others.
// Defect: the earliest event is looked up before interrupts are off. The device's handler queues and programs its event, then idle programs the
// deadline that it had looked up before: the new event waits for the old one.
.include "race.inc"
.equ STIMECMP, 0x14d
.equ MENVCFG, 0x30a
.equ FAR, SECOND / 10           // the event that is always there
.equ NEAR, 20                   // the device's
.globl _start, race_begin, race_end
_start:
  li t0, 1 << 63                // STCE
  csrw MENVCFG, t0
  li t0, -1
  csrw STIMECMP, t0
  la s2, queue
  timer_interrupts handler
  li t0, 1 << STI
  csrs mie, t0
  li s0, 0
round:
  sync_tick s0
  li t2, FAR
  add t2, t2, t1
  sd t2, 0(s2)                  // the earliest event
  sd zero, 8(s2)                // has not run
  addi t1, t1, 1
  csrw STIMECMP, t1
  delay s0
idle:
#if BAD
  ld s1, 0(s2)
race_begin:
  csrci mstatus, MIE
race_end:
  ld t1, 8(s2)
  bnez t1, 1f
#else
  csrci mstatus, MIE
race_begin:
race_end:
  ld t1, 8(s2)
  bnez t1, 1f
  ld s1, 0(s2)
#endif
  set_mtimecmp s1, t0
  wfi
  csrsi mstatus, MIE            // what ended wfi is handled here
  j idle
1:csrsi mstatus, MIE
  ld s3, 8(s2)                  // when it ran
  ld t1, 0(s2)                  // when it should have
  sub s3, s3, t1
  li t2, LATE
  bge s3, t2, late
  addi s0, s0, 1
  li t2, ROUNDS
  bltu s0, t2, round
  print_number s0
  print fine_text
  power_off 0
late:
  print late_text
  print_number s0
  print ran_text
  print_number s3
  print end_text
  power_off 1

.balign 4
handler:
  csrr t3, mcause
  li t4, 1 << 63 | STI
  bne t3, t4, timer
  li t3, -1
  csrw STIMECMP, t3
  read_mtime t3
  addi t3, t3, NEAR
  sd t3, 0(s2)
  set_mtimecmp t3, t4
  mret
timer:
  expect_cause MTI
  read_mtime t3
  sd t3, 8(s2)
  li t3, -1
  set_mtimecmp t3, t4
  mret

.balign 8
queue: .dword 0, 0              // the earliest event's time; when it ran, 0: not yet
fine_text: .string " events, all in time\n"
late_text: .string "late event: that of round "
ran_text: .string " ran "
end_text: .string " ticks late\n"
