// Two tasks and a timer that switches between them, registers and all: for runs that must repeat themselves. Each task adds to every register that it
// has, and checks in each round that all agree. After 1000 switches: how far the tasks came, and a checksum of what they had in their registers.
.include "race.inc"
.equ SWITCHES, 1000
.equ PC, 0                      // offsets in a task's frame: pc, x1 to x31, f0 to f31
.equ F, 256
.equ FRAME, 512
.globl _start, switch_begin, switch_end
_start:
  li t0, 0x2000                 // the FPU is on
  csrs mstatus, t0
  la t0, frame_a
  csrw mscratch, t0             // the running task's frame
  la t1, task_a
  sd t1, PC(t0)
  la t0, frame_b
  la t1, task_b
  sd t1, PC(t0)
  read_mtime t1
  addi t1, t1, 1
  set_mtimecmp t1, t0
  timer_interrupts switch
  j task_a

// A task: x5 counts rounds, x1 and x31 are scratch, each other xN holds N * \step * rounds; f0 to f30 hold the rounds.
.macro task step
  .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  li x\n, 0
  .endr
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  fmv.d.x f\n, zero
  .endr
1:addi x5, x5, 1
  li x31, 1
  fcvt.d.l f31, x31
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  fadd.d f\n, f\n, f31
  .endr
  fmv.d.x f31, zero
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  fadd.d f31, f31, f\n
  .endr
  fcvt.l.d x1, f31, rtz
  li x31, 31
  mul x31, x31, x5
  bne x1, x31, damaged
  .irp n, 2,3,4,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  addi x\n, x\n, \n * \step
  .endr
  li x31, 0
  .irp n, 2,3,4,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  add x31, x31, x\n
  .endr
  li x1, (30 * 31 / 2 - 1 - 5) * \step
  mul x1, x1, x5
  beq x1, x31, 1b
  j damaged
.endm
task_a: task 1
task_b: task 3
damaged:
  csrci mstatus, MIE
  print damaged_text
  power_off 1

.balign 4
switch:
switch_begin:
  csrrw x31, mscratch, x31
  .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  sd x\n, 8 * \n(x31)
  .endr
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  fsd f\n, F + 8 * \n(x31)
  .endr
  csrr x1, mscratch
  sd x1, 8 * 31(x31)
  csrr x1, mepc
  sd x1, PC(x31)
  expect_cause MTI
  la s2, switches
  ld s0, 0(s2)
  addi s0, s0, 1
  sd s0, 0(s2)
  li t1, SWITCHES
  bgeu s0, t1, finish
  // The next one 1 to 8 ticks from now, by a generator of random numbers: tasks are met everywhere.
  ld t1, 8(s2)
  li t2, 6364136223846793005
  mul t1, t1, t2
  addi t1, t1, 1
  sd t1, 8(s2)
  srli t1, t1, 61
  read_mtime t2
  add t1, t1, t2
  addi t1, t1, 1
  set_mtimecmp t1, t0
  // frame_a and frame_b are aligned to twice their size together.
  xori x31, x31, FRAME
  csrw mscratch, x31
  ld x1, PC(x31)
  csrw mepc, x1
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  fld f\n, F + 8 * \n(x31)
  .endr
  .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  ld x\n, 8 * \n(x31)
  .endr
  mret
switch_end:

finish:
  print_number s0
  print switches_text
  la s3, frame_a
  la s4, frame_b
  ld s5, 8 * 5(s3)
  ld s6, 8 * 5(s4)
  print_number s5
  print and_text
  print_number s6
  print rounds_text
  li s7, 0
  li s8, 31
  li s9, 2 * FRAME / 8
1:ld t1, 0(s3)
  mul s7, s7, s8
  add s7, s7, t1
  addi s3, s3, 8
  addi s9, s9, -1
  bnez s9, 1b
  print_number s7
  print end_text
  power_off 0

.balign 8
switches: .dword 0
random: .dword 1
.balign 2 * FRAME
frame_a: .skip FRAME
frame_b: .skip FRAME
switches_text: .string " switches, "
and_text: .string " and "
rounds_text: .string " rounds, checksum "
damaged_text: .string "a task found its registers damaged\n"
end_text: .string "\n"
