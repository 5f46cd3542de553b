enum {
  serial_port = 0x3F8,
  line_status = serial_port + 5,
  can_send = 0x20,
  /* Where QEMU's device isa-debug-exit listens; no other machine has anything there. */
  debug_exit = 0xF4,
};

static void write_port(unsigned short port, unsigned char byte) {
  __asm__ volatile("outb %0, %1" : : "a"(byte), "Nd"(port));
}

static unsigned char read_port(unsigned short port) {
  unsigned char byte;
  __asm__ volatile("inb %1, %0" : "=a"(byte) : "Nd"(port));
  return byte;
}

static void say(const char *text) {
  for (; *text != '\0'; text++) {
    while ((read_port(line_status) & can_send) == 0) continue;
    write_port(serial_port, (unsigned char)*text);
  }
}

void say_hello(void) {
  say("hello " HELLO_VERSION "\r\n");
  write_port(debug_exit, 0);
}
