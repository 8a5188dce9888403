# Sends back what is typed; `q` powers off. Waits in wfi for the UART's interrupt (PLIC line 10).
.include "guest.inc"
.equ PLIC, 0x0c000000
.section .text.start
.globl _start
_start:
  li t0, PLIC
  li t1, 1
  sw t1, 40(t0)                # priority of line 10
  li t0, PLIC + 0x2000
  li t1, 1 << 10
  sw t1, 0(t0)                 # enabled for context 0 (M mode of hart 0)
  li t0, PLIC + 0x200000
  sw zero, 0(t0)               # threshold
  li t0, UART
  li t1, 1
  sb t1, 1(t0)                 # IER: received data
  li t0, 0x800
  csrs mie, t0
  print text
wait:
  wfi
  li t0, PLIC + 0x200004
  lw s1, 0(t0)                 # claim
  beqz s1, wait
  li t2, UART
1:lbu t1, 5(t2)
  andi t1, t1, 1
  beqz t1, 2f
  lbu t1, 0(t2)
  li t3, 'q'
  beq t1, t3, quit
  sb t1, 0(t2)
  j 1b
2:sw s1, 0(t0)                 # complete
  j wait
quit:
  power_off 0
text: .string "type; q ends\n"
