# A little of everything that a trace shows: markers, a software interrupt, a timer interrupt that ends wfi, an exception, CSR writes.
.include "guest.inc"
.equ MSIP, 0x02000000
.section .text.start
.globl _start
_start:
  marker 1
  la t0, handler
  csrw mtvec, t0
  li t0, 0x88                  # MSIE, MTIE
  csrw mie, t0
  li t0, MTIMECMP              # not now: it is up after reset
  li t1, -1
  sd t1, 0(t0)
  csrsi mstatus, 8
  marker 2
  li t0, MSIP
  li t1, 1
  sw t1, 0(t0)                 # taken after this store
  marker 3
  li s1, 3
1:li t0, MTIME
  ld t1, 0(t0)
  addi t1, t1, 1000            # 100 us
  li t0, MTIMECMP
  sd t1, 0(t0)
  wfi
  addi s1, s1, -1
  bnez s1, 1b
  ecall
  marker 4
  power_off
.align 2
handler:
  csrr t2, mcause
  bgez t2, 3f
  slli t2, t2, 1
  li t3, 14
  beq t2, t3, 2f
  li t2, MSIP
  sw zero, 0(t2)
  mret
2:li t2, MTIMECMP
  li t3, -1
  sd t3, 0(t2)
  mret
3:csrr t2, mepc
  addi t2, t2, 4
  csrw mepc, t2
  mret
