/* A multiboot header (Multiboot Specification 0.6.96, 3.1.1), and the first instructions. */
#define MAGIC 0x1BADB002
#define FLAGS 0

        .section .multiboot, "a"
        .align  4
        .long   MAGIC
        .long   FLAGS
        .long   -(MAGIC + FLAGS)

        .section .bss
        .align  16
stack:
        .skip   4096
top:

        .text
        .globl  start
start:
        cli
        movl    $top, %esp
        call    say_hello
1:      hlt
        jmp     1b

        .section .note.GNU-stack, "", @progbits
