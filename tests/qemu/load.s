# A boot sector that dirties one page every CYCLES ticks of the time-stamp counter, going round memory from 1 MiB to END.
# The first round goes as fast as it can; at its end a "!" goes to the debug console.
# load.bin is made of it: as --32 load.s -o load.o && objcopy -O binary load.o load.bin
.code16
.globl _start
_start:
  cli
  xorw %ax, %ax
  movw %ax, %ds
  inb $0x92, %al
  orb $2, %al
  outb %al, $0x92
  lgdtl 0x7c00 + gdtr - _start
  movl %cr0, %eax
  orb $1, %al
  movl %eax, %cr0
  ljmpl $8, $0x7c00 + prot - _start
.code32
prot:
  movw $16, %ax
  movw %ax, %ds
  movw %ax, %ss
  movl $0x100000, %ebx
first:
  incb (%ebx)
  addl $0x1000, %ebx
  cmpl 0x7c00 + end - _start, %ebx
  jb first
  movb $0x21, %al
  outb %al, $0xe9
  movl $0x100000, %ebx
  rdtsc
  movl %eax, %esi
page:
  incb (%ebx)
  addl $0x1000, %ebx
wait:
  rdtsc
  subl %esi, %eax
  cmpl 0x7c00 + cycles - _start, %eax
  jb wait
  addl 0x7c00 + cycles - _start, %esi
  cmpl 0x7c00 + end - _start, %ebx
  jb page
  movl $0x100000, %ebx
  jmp page
.align 8
gdt:
  .quad 0
  .quad 0x00cf9a000000ffff
  .quad 0x00cf92000000ffff
gdtr:
  .word 23
  .long 0x7c00 + gdt - _start
cycles: .long 0x11223344
end: .long 0x55667788
