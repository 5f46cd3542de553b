#include <arpa/inet.h>
#include <kv.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void answer(int connection) {
  char request[1024];
  if (read(connection, request, sizeof request) <= 0) return;
  char now[64];
  time_t seconds = time(NULL);
  strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime(&seconds));
  dprintf(connection, "HTTP/1.0 200 OK\r\nServer: timed/%s\r\nContent-Type: text/plain\r\n\r\n%s\n", TIMED_VERSION,
          now);
}

/* timed [FILE]: answers every request with the time, at the address and port in the file. */
int main(int argc, char **argv) {
  const char *file = argc > 1 ? argv[1] : "/etc/timed.conf";
  char address[64], port[16];
  if (kv_find(file, "address", address, sizeof address) != 1 || kv_find(file, "port", port, sizeof port) != 1) {
    fprintf(stderr, "timed: %s needs an address and a port\n", file);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (inet_pton(AF_INET, address, &name.sin_addr) != 1 || bind(listener, (struct sockaddr *)&name, sizeof name) != 0 ||
      listen(listener, 16) != 0) {
    perror("timed");
    return 1;
  }
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    answer(connection);
    close(connection);
  }
}
