# A boot sector that reads a register of the first igb VF on PCI bus 0, over and over.
# registers.bin is made of it: as --32 registers.s -o registers.o && objcopy -O binary registers.o registers.bin
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
  movl $0x7000, %esp
  movl $0x80000800, %edi        # configuration address of device 1
find:
  xorl %ecx, %ecx
  call read
  cmpl $0x10ca8086, %eax
  je found
  addl $0x800, %edi
  cmpl $0x80010000, %edi
  jb find
stop:
  hlt
  jmp stop
found:
  movl $4, %ecx                 # command: memory
  call read
  orl $2, %eax
  call write
  movl $0x10, %ecx              # BAR 0: registers
  call read
  andl $~15, %eax
  movl %eax, %ebx
again:
  movl 8(%ebx), %eax            # STATUS
  movl $0x100000, %ecx
wait:
  loop wait
  jmp again
read:
  movl %edi, %eax
  orl %ecx, %eax
  movw $0xcf8, %dx
  outl %eax, %dx
  movw $0xcfc, %dx
  inl %dx, %eax
  ret
write:
  pushl %eax
  movl %edi, %eax
  orl %ecx, %eax
  movw $0xcf8, %dx
  outl %eax, %dx
  movw $0xcfc, %dx
  popl %eax
  outl %eax, %dx
  ret
.align 8
gdt:
  .quad 0
  .quad 0x00cf9a000000ffff
  .quad 0x00cf92000000ffff
gdtr:
  .word 23
  .long 0x7c00 + gdt - _start
.org 510
  .word 0xaa55
