// Sends bytes by interrupt: the UART's "transmitter empty" through PLIC line 10; each interrupt sends the next byte. (The UART is in loopback: the
// bytes go nowhere.)
// Defect: to complete, the handler reads the claim register a second time and writes back what it got. Line 10 is claimed already, so it gets 0, and
// completing 0 completes nothing. Line 10 stays blocked: the second interrupt never comes.
.include "race.inc"
.equ PLIC, 0x0c000000
.equ CLAIM, PLIC + 0x200004
.equ LINE, 10
.equ BYTES, 16
.globl _start, race_begin, race_end
_start:
  li t0, PLIC
  li t1, 1
  sw t1, 4 * LINE(t0)           // priority
  li t0, PLIC + 0x2000
  li t1, 1 << LINE
  sw t1, 0(t0)                  // enabled for M mode of hart 0
  li t0, PLIC + 0x200000
  sw zero, 0(t0)                // threshold
  la s2, sent
  read_mtime t1
  li t2, SECOND / 10            // no interrupt takes that long
  add t1, t1, t2
  set_mtimecmp t1, t0
  timer_interrupts handler
  li t0, 1 << MEI
  csrs mie, t0
  li s3, UART
  li t1, 0x10
  sb t1, 4(s3)                  // loopback
  li t1, 2
  sb t1, 1(s3)                  // IER: transmitter empty, which it is
wait:
  csrci mstatus, MIE
  ld s0, 0(s2)
  li s1, BYTES
  beq s0, s1, done
  ld t1, 8(s2)
  bnez t1, done
  wfi
  csrsi mstatus, MIE
  j wait
done:
  sb zero, 1(s3)
  sb zero, 4(s3)
  print_number s0
  print of_text
  print_number s1
  bne s0, s1, lost
  print fine_text
  power_off 0
lost:
  print lost_text
  power_off 1

.balign 4
handler:
  csrr t3, mcause
  li t4, 1 << 63 | MEI
  bne t3, t4, timeout
  li t4, CLAIM
  lw t3, 0(t4)
  beqz t3, unexpected
  lbu t5, 2(s3)                 // IIR: reading it takes the request back
  ld t5, 0(s2)
  addi t5, t5, 1
  sd t5, 0(s2)
  li t6, BYTES
  bgeu t5, t6, 1f
  sb zero, 0(s3)                // THR: the next byte, which makes the next request
1:
#if BAD
race_begin:
  lw t3, 0(t4)
  sw t3, 0(t4)
race_end:
#else
race_begin:
  sw t3, 0(t4)
race_end:
#endif
  mret
timeout:
  expect_cause MTI
  li t3, -1
  set_mtimecmp t3, t4
  sd t3, 8(s2)
  mret

.balign 8
sent: .dword 0, 0               // interrupts of the UART; whether time is up
of_text: .string " of "
fine_text: .string " transmit interrupts\n"
lost_text: .string " transmit interrupts: the line was claimed twice and never completed\n"
