// For tools/sweep: a loop that increments a word, and one timer interrupt whose handler increments the same word. The timer is armed for a second
// ahead, which the loop never reaches: --interrupt-at N brings the interrupt after instruction N. Status 1: an increment was lost.
.include "race.inc"
.equ LOOPS, 20
.globl _start, armed, loop_begin, loop_end, done
_start:
  la s2, word
  read_mtime t1
  li t2, SECOND
  add t1, t1, t2
  set_mtimecmp t1, t0
  timer_interrupts handler
armed:
  li s0, LOOPS
loop_begin:
  ld t1, 0(s2)
  addi t1, t1, 1
  sd t1, 0(s2)
  addi s0, s0, -1
  bnez s0, loop_begin
loop_end:
  csrci mstatus, MIE
done:
  ld s7, 0(s2)
  ld s6, 8(s2)
  addi s6, s6, LOOPS
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
  ld t3, 8(s2)
  addi t3, t3, 1
  sd t3, 8(s2)
  li t3, -1
  set_mtimecmp t3, t4
  mret

.balign 8
word: .dword 0, 0               // the word; how many interrupts there were
counter_text: .string "counter "
of_text: .string " of "
end_text: .string "\n"
