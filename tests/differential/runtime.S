# The runtime around the random programs: for each one it builds page tables and data pages, sets the registers, runs the program in its mode and prints
# its final state on the UART. Traps are logged and the instruction is skipped, so one program sees many.
#
# A record of the program table (generate.py writes them; 8 bytes each):
#   0 entry   8 end (address of the ecall that ends it)   16 mode (0 U, 1 S, 3 M)   24 satp on   32 menvcfg   40 fcsr   48 seed of the data pages
#   56 mstatus bits to set   64 x1..x31   312 f0..f31
# What it prints, all in hex: "P n", then "x", "f", "c" (fcsr, mstatus.FS/SD), "t" (traps: cause, pc offset, tval), "m" (hash of the data pages),
# "a" (hash of the page table: A and D bits). At the end "E".

.equ DATA,        0x80800000     # 16 pages of data, physical
.equ DATA_PAGES,  16
.equ DATA_VA,     0x40000000     # where Sv39 shows them
.equ TABLE_ROOT,  0x80700000     # Sv39: root, middle, leaf
.equ UART,        0x10000000
.equ FINISHER,    0x00100000
.equ TRAPS_MAX,   48
.equ RECORD_SIZE, 568

.equ FRAME_X,     0              # x0..x31
.equ FRAME_TRAPS, 256            # number of traps
.equ FRAME_LOG,   264            # cause, pc, tval each

.section .text.start
.globl _start
_start:
  csrr t0, mhartid
1:bnez t0, 1b
  la t0, trap_entry
  csrw mtvec, t0
  csrw mie, zero
  csrw medeleg, zero
  csrw mideleg, zero
  li t0, -1
  csrw pmpaddr0, t0
  li t0, 0x1f
  csrw pmpcfg0, t0
  li t0, 7
  csrw mcounteren, t0
  csrw scounteren, t0
  la s10, program_table
  la s11, program_count
  ld s11, 0(s11)
  li s9, 0                        # number of the program
next_program:
  beq s9, s11, all_done
  la t0, current
  sd s9, 0(t0)
  sd s10, 8(t0)
  sd s11, 16(t0)
  call build_data
  call build_tables
  # CSRs that a program may have changed
  csrw sscratch, zero
  csrw sepc, zero
  csrw scause, zero
  csrw stval, zero
  csrw stvec, zero
  csrw senvcfg, zero
  csrw mie, zero
  csrw mcounteren, zero
  csrw scounteren, zero
  csrw mtval, zero
  csrw mcause, zero
  ld t0, 32(s10)
  csrw menvcfg, t0
  la t0, frame
  csrw mscratch, t0
  sd zero, FRAME_TRAPS(t0)
  ld t0, 24(s10)
  beqz t0, 1f
  li t0, (8 << 60) | (TABLE_ROOT >> 12)
1:csrw satp, t0
  sfence.vma
  fence.i
  # mstatus: FS dirty, MPP = mode, and what the record adds
  li t0, 0x1800 | (1 << 17) | (1 << 18) | (1 << 19) | (1 << 20) | (1 << 21) | (1 << 22) | 0xaa
  csrc mstatus, t0
  li t0, 0x6000
  csrs mstatus, t0
  ld t0, 56(s10)
  csrs mstatus, t0
  ld t0, 16(s10)
  slli t0, t0, 11
  csrs mstatus, t0
  ld t0, 0(s10)
  csrw mepc, t0
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  fld f\n, (312 + 8 * \n)(s10)
  .endr
  ld t0, 40(s10)
  csrw fcsr, t0
  mv x31, s10
  .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  ld x\n, (56 + 8 * \n)(x31)
  .endr
  ld x31, (56 + 8 * 31)(x31)
  mret

# Every trap. x31 swaps with mscratch, which points at the frame.
.align 2
trap_entry:
  csrrw x31, mscratch, x31
  .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  sd x\n, (8 * \n)(x31)
  .endr
  csrr t0, mscratch
  sd t0, (8 * 31)(x31)
  csrw mscratch, x31
  mv s0, x31
  la s1, current
  ld s2, 8(s1)                    # the record
  csrr a0, mcause
  csrr a1, mepc
  csrr a2, mtval
  csrw mcause, zero               # a program that reads them sees what it wrote itself: the values are compared in the log
  csrw mtval, zero
  ld t0, 8(s2)
  beq a1, t0, finish              # the ecall that ends a program
  ld t1, FRAME_TRAPS(s0)
  li t2, TRAPS_MAX
  bgeu t1, t2, finish
  # log it
  slli t2, t1, 3
  slli t3, t1, 4
  add t2, t2, t3
  add t2, t2, s0
  ld t3, 0(s2)
  sub t4, a1, t3
  sd a0, FRAME_LOG(t2)
  sd t4, (FRAME_LOG + 8)(t2)
  sd a2, (FRAME_LOG + 16)(t2)
  addi t1, t1, 1
  sd t1, FRAME_TRAPS(s0)
  # a pc outside the program (fetch faults, wild jumps) ends it
  bltu a1, t3, finish
  ld t3, 8(s2)
  bgtu a1, t3, finish
  lhu t0, 0(a1)
  andi t0, t0, 3
  addi a1, a1, 2
  addi t0, t0, -3
  bnez t0, 1f
  addi a1, a1, 2
1:csrw mepc, a1
  # back to the program's mode; an instruction of the program may have changed MPP only by trapping, which put it right
  .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  ld x\n, (8 * \n)(x31)
  .endr
  ld x31, (8 * 31)(x31)
  mret

finish:
  li t0, 0x6000
  csrr s3, mstatus                # FS as the program left it
  csrs mstatus, t0
  csrw satp, zero
  sfence.vma
  la sp, stack_top
  ld s9, 0(s1)
  li a0, 'P'
  call put_char
  mv a0, s9
  call put_hex
  call new_line
  li s4, 1
1:li a0, 'x'
  call put_char
  slli t0, s4, 3
  add t0, t0, s0
  ld a0, 0(t0)
  call put_hex
  addi s4, s4, 1
  li t0, 32
  bne s4, t0, 1b
  call new_line
  la s4, f_save
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  fsd f\n, (8 * \n)(s4)
  .endr
  li s5, 32
1:li a0, 'f'
  call put_char
  ld a0, 0(s4)
  call put_hex
  addi s4, s4, 8
  addi s5, s5, -1
  bnez s5, 1b
  call new_line
  li a0, 'c'
  call put_char
  csrr a0, fcsr
  call put_hex
  li a0, 'c'
  call put_char
  li t0, 0x8000000000006000
  and a0, s3, t0
  call put_hex
  call new_line
  ld s4, FRAME_TRAPS(s0)
  addi s5, s0, FRAME_LOG
1:beqz s4, 2f
  li a0, 't'
  call put_char
  ld a0, 0(s5)
  call put_hex
  ld a0, 8(s5)
  call put_hex
  ld a0, 16(s5)
  call put_hex
  addi s5, s5, 24
  addi s4, s4, -1
  j 1b
2:call new_line
  li a0, 'm'
  call put_char
  li a0, DATA
  li a1, DATA_PAGES << 12
  call hash
  call put_hex
  li a0, 'a'
  call put_char
  li a0, TABLE_ROOT + 0x2000
  li a1, 0x1000
  call hash
  call put_hex
  call new_line
  ld s9, 0(s1)
  ld s10, 8(s1)
  ld s11, 16(s1)
  addi s9, s9, 1
  li t0, RECORD_SIZE
  add s10, s10, t0
  j next_program

all_done:
  li a0, 'E'
  call put_char
  call new_line
  li t0, FINISHER
  li t1, 0x5555
  sw t1, 0(t0)
1:j 1b

# a0: bytes from a0, a1 long (a multiple of 8) -> a0: hash
hash:
  li t0, 0xcbf29ce484222325
  li t1, 0x100000001b3
1:ld t2, 0(a0)
  xor t0, t0, t2
  mul t0, t0, t1
  srli t2, t0, 29
  xor t0, t0, t2
  addi a0, a0, 8
  addi a1, a1, -8
  bnez a1, 1b
  mv a0, t0
  ret

# Fills the data pages from the record's seed (xorshift), s10: record
build_data:
  ld t0, 48(s10)
  li t1, DATA
  li t2, DATA_PAGES << 12
1:slli t3, t0, 13
  xor t0, t0, t3
  srli t3, t0, 7
  xor t0, t0, t3
  slli t3, t0, 17
  xor t0, t0, t3
  sd t0, 0(t1)
  addi t1, t1, 8
  addi t2, t2, -8
  bnez t2, 1b
  ret

# Sv39: 1 GiB of the image as a 2 MiB page (X R W, U for U programs), the data pages through a leaf table with the PTE bits of page_bits.
build_tables:
  li t0, TABLE_ROOT
  li t1, 0x3000
  add t1, t1, t0
1:sd zero, 0(t0)
  addi t0, t0, 8
  bne t0, t1, 1b
  li t0, TABLE_ROOT
  li t1, ((TABLE_ROOT + 0x1000) >> 2) | 1     # VA 1 GiB..2 GiB: middle table
  sd t1, 8(t0)
  li t1, (0x80000000 >> 2) | 0xcf             # VA 2 GiB..3 GiB: the image, X R W A D
  ld t2, 16(s10)
  bnez t2, 1f
  ori t1, t1, 0x10                            # U
1:sd t1, 16(t0)
  li t0, TABLE_ROOT + 0x1000
  li t1, ((TABLE_ROOT + 0x2000) >> 2) | 1     # VA 1 GiB: leaf table
  sd t1, 0(t0)
  li t0, TABLE_ROOT + 0x2000
  la t1, page_bits
  li t2, DATA >> 2
  li t3, DATA_PAGES
2:ld t4, 0(t1)
  ld t5, 16(s10)
  bnez t5, 3f
  xori t4, t4, 0x10                           # what S may touch, U may not, and the reverse
3:or t4, t4, t2
  sd t4, 0(t0)
  addi t0, t0, 8
  addi t1, t1, 8
  addi t2, t2, 0x400
  addi t3, t3, -1
  bnez t3, 2b
  ret

new_line:
  li a0, '\n'
put_char:
  li t0, UART
1:lbu t1, 5(t0)
  andi t1, t1, 0x20
  beqz t1, 1b
  sb a0, 0(t0)
  ret
put_hex:                                      # a0, then a space
  mv t2, a0
  li t3, 60
  mv t6, ra
1:srl t4, t2, t3
  andi t4, t4, 15
  li t5, 10
  blt t4, t5, 2f
  addi t4, t4, 'a' - 10 - '0'
2:addi a0, t4, '0'
  call put_char
  addi t3, t3, -4
  bgez t3, 1b
  li a0, ' '
  call put_char
  mv ra, t6
  ret

.section .rodata
.align 3
# One a page, for S programs (U programs see bit U inverted): V R W X U G A D = bits 0..7
page_bits:
  .dword 0xc7, 0xc7, 0xc7, 0xc7, 0xc7, 0xc7     # 0..5 plain (X clear), read and write
  .dword 0xc3                                   # 6 read only
  .dword 0x00                                   # 7 not there
  .dword 0x87                                   # 8 A clear
  .dword 0x47                                   # 9 D clear
  .dword 0xd7                                   # 10 the other mode's
  .dword 0xc5                                   # 11 W without R: reserved
  .dword 0xc9                                   # 12 X only
  .dword 0x40000000000000c7 >> 0                # 13 PBMT = 2
  .dword 0x01                                   # 14 pointer at the last level
  .dword 0xc7                                   # 15 plain

.section .data
.align 12
current: .dword 0, 0, 0
.align 3
frame: .skip 264 + 24 * (TRAPS_MAX + 1)
f_save: .skip 256
stack: .skip 1024
stack_top:
