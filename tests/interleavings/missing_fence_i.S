// The handler of a timer patches an instruction that the mainline runs in a loop, then says so in a flag.
// Defect: no fence.i between the store and the next time the instruction is fetched. A hart may go on with the old one. Emulators (and many cores)
// are kinder than the manual: Monochord shows the defect with -cpu rv64,x-strict-fencei=on only.
.include "race.inc"
.globl _start, race_begin, race_end
_start:
  la s2, patched
  la s3, site
  call answer                   // whatever comes when: fetched once before the patch
  read_mtime t1
  addi t1, t1, 5
  set_mtimecmp t1, t0
  timer_interrupts handler
  li s0, 0                      // calls after the patch
  li s1, 0                      // of these, old ones
loop:
  ld s4, 0(s2)
  call answer
  beqz s4, loop
  addi s0, s0, 1
  addi a0, a0, -2
  sltu a0, zero, a0
  add s1, s1, a0
  li t1, 8
  bltu s0, t1, loop
  bnez s1, stale
  print_number s0
  print fine_text
  power_off 0
stale:
  print_number s1
  print of_text
  print_number s0
  print stale_text
  power_off 1

answer:
site:
  li a0, 1
  ret
other:
  li a0, 2

.balign 4
handler:
  expect_cause MTI
  li t3, -1
  set_mtimecmp t3, t4
  la t3, other
  lw t3, 0(t3)
  sw t3, 0(s3)
race_begin:
#if !BAD
  fence.i
#endif
  li t3, 1
  sd t3, 0(s2)
  mret
race_end:

.balign 8
patched: .dword 0
fine_text: .string " calls of the patched code\n"
of_text: .string " of "
stale_text: .string " calls ran the code from before the patch\n"
