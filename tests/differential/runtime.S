# The runtime around the random programs: for each one it builds page tables and data pages, sets the registers, runs the program in its mode and
# prints its final state on the UART. Traps are logged and the instruction is skipped, so one program sees many.
#
# image.py puts the programs behind it: at PROGRAMS two words, the first program's number and the one after the last, then the records (the RECORD_*
# offsets below). What is printed, all in hex: "P n", then "x", "f", "c" (fcsr, mstatus.FS/SD), "t" (traps: cause, pc offset, tval), "m" (hash of the
# data pages), "a" (of the page tables: A and D bits), "p" (of the program's own bytes), "s" (of the traps that S mode handled). At the end "E".

.equ PROGRAMS,    0x80100000
.equ TABLES,      0x80700000     # Sv39, a page each: root, middle, leaf of space A; the same of space B; the leaf table of the programs' own pages
.equ DATA,        0x80800000     # 16 pages of data, physical
.equ DATA_PAGES,  16
.equ LEAFS,       32             # pages that a space's leaf table shows
.equ UART,        0x10000000
.equ FINISHER,    0x00100000
.equ TRAPS_MAX,   48

.equ RECORD_ENTRY,    0          # address where the program starts, as its mode sees it
.equ RECORD_END,      8          # distance from there to the ecall that ends it
.equ RECORD_MODE,     16         # 0 U, 1 S, 3 M
.equ RECORD_SATP,     24
.equ RECORD_ENVCFG,   32         # menvcfg
.equ RECORD_FCSR,     40
.equ RECORD_SEED,     48         # of the data pages
.equ RECORD_STATUS,   56         # mstatus bits to set
.equ RECORD_X,        64         # x1..x31
.equ RECORD_F,        312        # f0..f31
.equ RECORD_MASK,     568        # of an address in the program: what tells its distance from the entry in every window
.equ RECORD_TEXT,     576        # the program's bytes, physical, and how many
.equ RECORD_WINDOW,   592        # U mode sees the program at this distance from where S mode sees it
.equ RECORD_LINK,     600        # the register that says where to go on after a fetch fault
.equ RECORD_DELEG,    608        # medeleg
.equ RECORD_COUNTERS, 616        # mcounteren and scounteren
.equ RECORD_LEAF_A,   624        # PTEs
.equ RECORD_LEAF_B,   880
.equ RECORD_CODE,     1136       # 8 PTEs for S mode; those for U mode have bit U set
.equ RECORD_SIZE,     1200

.equ FRAME_TRAPS, 256            # number of traps; x0..x31 are before it
.equ FRAME_LOG,   264            # cause, pc, tval each

.equ CURRENT,   -32             # from s_frame

.equ MSTATUS_MPP,  3 << 11
.equ MSTATUS_MPRV, 1 << 17
.equ SUM_MXR,      3 << 18

.section .text.start
.globl _start
_start:
  csrr t0, mhartid
1:bnez t0, 1b
  la t0, trap_entry
  csrw mtvec, t0
  csrw mie, zero
  csrw mideleg, zero
  li t0, -1
  csrw pmpaddr0, t0
  li t0, 0x1f
  csrw pmpcfg0, t0
  li s10, PROGRAMS
  ld s9, 0(s10)                   # number of the program
  ld s11, 8(s10)
  addi s10, s10, 16
  li t0, RECORD_SIZE
  mul t0, t0, s9
  add s10, s10, t0
next_program:
  beq s9, s11, all_done
  la t0, current
  sd s9, 0(t0)
  sd s10, 8(t0)
  sd s11, 16(t0)
  sd zero, 24(t0)
  call build_data
  call build_tables
  # CSRs that a program may have changed
  csrw sscratch, zero
  csrw sepc, zero
  csrw scause, zero
  csrw stval, zero
  la t0, s_trap_entry
  csrw stvec, t0
  csrw senvcfg, zero
  csrw mie, zero
  csrw mip, zero
  csrw mtval, zero
  csrw mcause, zero
  ld t0, RECORD_COUNTERS(s10)
  csrw mcounteren, t0
  csrw scounteren, t0
  ld t0, RECORD_DELEG(s10)
  csrw medeleg, t0
  ld t0, RECORD_ENVCFG(s10)
  csrw menvcfg, t0
  la t0, frame
  csrw mscratch, t0
  sd zero, FRAME_TRAPS(t0)
  ld t0, RECORD_SATP(s10)
  csrw satp, t0
  sfence.vma
  fence.i
  # mstatus: FS dirty until the F registers are loaded, MPP = mode, and what the record adds
  li t0, MSTATUS_MPP | MSTATUS_MPRV | SUM_MXR | (1 << 20) | (1 << 21) | (1 << 22) | 0xaa
  csrc mstatus, t0
  li t0, 0x6000
  csrs mstatus, t0
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  fld f\n, (RECORD_F + 8 * \n)(s10)
  .endr
  ld t1, RECORD_FCSR(s10)
  csrw fcsr, t1
  csrc mstatus, t0
  ld t0, RECORD_STATUS(s10)
  csrs mstatus, t0
  ld t0, RECORD_MODE(s10)
  slli t0, t0, 11
  csrs mstatus, t0
  ld t0, RECORD_ENTRY(s10)
  csrw mepc, t0
  csrw minstret, zero
  csrw mcycle, zero
  mv x31, s10
  .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  ld x\n, (RECORD_X - 8 + 8 * \n)(x31)
  .endr
  ld x31, (RECORD_X - 8 + 8 * 31)(x31)
  mret

# Reads the halfword at 0(address) as the trapped program sees it, which may be at a page that can only be executed.
.macro read_code to, address, status, temporary
  csrr \status, mstatus
  srli \temporary, \status, 11
  andi \temporary, \temporary, 3
  addi \temporary, \temporary, -3
  beqz \temporary, 7f
  li \temporary, MSTATUS_MPRV | SUM_MXR
  csrs mstatus, \temporary
7:lhu \to, 0(\address)
  csrw mstatus, \status
.endm

# Every trap that is not delegated. x31 swaps with mscratch, which points at the frame.
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
  ld t3, RECORD_ENTRY(s2)
  ld t4, RECORD_MASK(s2)
  sub s3, a1, t3
  and s3, s3, t4                  # distance from the entry
  ld s4, RECORD_END(s2)
  li t1, 8
  bltu a0, t1, 1f
  li t1, 11
  bgtu a0, t1, 1f
  beq s3, s4, finish              # the ecall that ends a program
  la t0, s_finish                 # ... when S mode got it
  beq a1, t0, finish
1:ld t1, FRAME_TRAPS(s0)
  li t2, TRAPS_MAX
  bgeu t1, t2, finish
  # log it
  slli t2, t1, 3
  slli t3, t1, 4
  add t2, t2, t3
  add t2, t2, s0
  sd a0, FRAME_LOG(t2)
  sd s3, (FRAME_LOG + 8)(t2)
  sd a2, (FRAME_LOG + 16)(t2)
  addi t1, t1, 1
  sd t1, FRAME_TRAPS(s0)
  bltz a0, interrupt
  beqz a0, fetch_fault
  li t0, 1
  beq a0, t0, fetch_fault
  li t0, 12
  beq a0, t0, fetch_fault
  bgtu s3, s4, finish             # a wild jump
  read_code t0, a1, s5, s6
  andi t0, t0, 3
  addi a1, a1, 2
  addi t0, t0, -3
  bnez t0, 1f
  addi a1, a1, 2
1:# ecall before "lui zero, MODE": goes on in that mode (1 U, 2 S, 3 M)
  li t0, 8
  bltu a0, t0, 2f
  li t0, 11
  bgtu a0, t0, 2f
  read_code t0, a1, s5, s6
  slli t1, t0, 52
  srli t1, t1, 52
  li t2, 0x37
  bne t1, t2, 2f
  srli t0, t0, 12
  beqz t0, 2f
  li t1, 3
  bgtu t0, t1, 2f
  addi a0, a0, -8                 # the mode that it came from
  ld t3, RECORD_WINDOW(s2)
  bnez a0, 3f
  sub a1, a1, t3
3:addi t0, t0, -1
  bnez t0, 4f
  add a1, a1, t3
4:li t2, 2
  bne t0, t2, 5f
  li t0, 3
5:slli t0, t0, 11
  li t1, MSTATUS_MPP
  csrc mstatus, t1
  csrs mstatus, t0
2:csrw mepc, a1
resume:
  .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  ld x\n, (8 * \n)(x31)
  .endr
  ld x31, (8 * 31)(x31)
  mret
fetch_fault:                      # goes on where the link register says
  ld t0, RECORD_LINK(s2)
  slli t0, t0, 3
  add t0, t0, s0
  ld a1, 0(t0)
  j 2b
interrupt:
  li t0, 2
  csrc mip, t0
  j resume

# What medeleg gives to S mode. It keeps all registers but x30 and x31, and adds the trap to a hash.
.align 2
s_trap_entry:
  la x31, s_frame
  sd t0, 0(x31)
  sd t1, 8(x31)
  sd t2, 16(x31)
  csrr t0, scause
  csrr t1, stval
  csrr x30, sepc
  ld t2, (CURRENT + 24)(x31)
  add t2, t2, t0
  slli t0, t2, 13
  xor t2, t2, t0
  add t2, t2, t1
  srli t0, t2, 7
  xor t2, t2, t0
  add t2, t2, x30
  slli t0, t2, 17
  xor t2, t2, t0
  sd t2, (CURRENT + 24)(x31)
  csrr t0, scause
  li t1, 8
  bne t0, t1, 3f
  ld t1, (CURRENT + 8)(x31)
  ld t2, RECORD_ENTRY(t1)
  sub t2, x30, t2
  ld t0, RECORD_MASK(t1)
  and t2, t2, t0
  ld t1, RECORD_END(t1)
  beq t1, t2, 4f
  li t0, 8
3:li t2, SUM_MXR
  csrrs t2, sstatus, t2
  lhu t1, 0(x30)
  andi t1, t1, 3
  addi x30, x30, 2
  addi t1, t1, -3
  bnez t1, 1f
  addi x30, x30, 2
1:addi t0, t0, -8
  bnez t0, 2f
  lhu t1, 0(x30)                  # ecall of U mode before "lui zero, 2"
  li t0, 0x2037
  bne t1, t0, 2f
  ld t0, (CURRENT + 8)(x31)
  ld t0, RECORD_WINDOW(t0)
  sub x30, x30, t0
  ori t2, t2, 0x100
2:csrw sstatus, t2
  csrw sepc, x30
  ld t0, 0(x31)
  ld t1, 8(x31)
  ld t2, 16(x31)
  sret
4:ld t0, 0(x31)
  ld t1, 8(x31)
  ld t2, 16(x31)
s_finish:
  ecall

finish:
  li t0, 0x6000
  csrr s3, mstatus                # FS as the program left it
  csrs mstatus, t0
  li t0, MSTATUS_MPRV
  csrc mstatus, t0
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
  li s4, TABLES
  li s5, TABLES + 0x7000
  li s6, 0
1:mv a0, s4                       # each page: what a mapping may be in, and U mode's view of the program
  li a1, LEAFS * 8
  call hash
  xor s6, s6, a0
  slli s6, s6, 1
  li a0, 0x800
  add a0, a0, s4
  li a1, 64
  call hash
  xor s6, s6, a0
  slli s6, s6, 1
  li t0, 0x1000
  add s4, s4, t0
  bne s4, s5, 1b
  mv a0, s6
  call put_hex
  li a0, 'p'
  call put_char
  ld s10, 8(s1)
  ld a0, RECORD_TEXT(s10)
  ld a1, (RECORD_TEXT + 8)(s10)
  call hash
  call put_hex
  li a0, 's'
  call put_char
  ld a0, 24(s1)
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
  ld t0, RECORD_SEED(s10)
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

# Both spaces: VA 1 GiB the leaf table of data, 1 GiB + 2 MiB the one of the program's pages (U mode's view 1 MiB on), 2 GiB the image for S mode,
# 3 GiB the image for U mode. Nothing else in the tables is ever written.
# record: where its leaf table stands in s10's record
.macro space root, record
  li t0, \root
  li t1, ((\root + 0x1000) >> 2) | 1
  sd t1, 8(t0)
  li t1, (0x80000000 >> 2) | 0xcf             # X R W A D
  sd t1, 16(t0)
  ori t1, t1, 0x10                            # U
  sd t1, 24(t0)
  li t0, \root + 0x1000
  li t1, ((\root + 0x2000) >> 2) | 1
  sd t1, 0(t0)
  li t1, ((TABLES + 0x6000) >> 2) | 1
  sd t1, 8(t0)
  li t0, \root + 0x2000
  addi t1, s10, \record
  li t2, LEAFS
8:ld t3, 0(t1)
  sd t3, 0(t0)
  addi t0, t0, 8
  addi t1, t1, 8
  addi t2, t2, -1
  bnez t2, 8b
.endm
build_tables:
  space TABLES, RECORD_LEAF_A
  space (TABLES + 0x3000), RECORD_LEAF_B
  li t0, TABLES + 0x6000
  addi t1, s10, RECORD_CODE
  li t2, 8
1:ld t3, 0(t1)
  sd t3, 0(t0)
  beqz t3, 2f
  ori t3, t3, 0x10
2:li t4, 0x800
  add t4, t4, t0
  sd t3, 0(t4)
  addi t0, t0, 8
  addi t1, t1, 8
  addi t2, t2, -1
  bnez t2, 1b
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

.section .data
.align 12
current: .dword 0, 0, 0, 0                    # number, record, number of the last, hash of S mode's traps
s_frame: .dword 0, 0, 0
.align 3
frame: .skip 264 + 24 * (TRAPS_MAX + 1)
f_save: .skip 256
stack: .skip 1024
stack_top:
