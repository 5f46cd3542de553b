#include <kv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { most_services = 16, restart_seconds = 1 };

struct service {
  char *program;
  pid_t process;
};

struct services {
  struct service list[most_services];
  int count;
};

static volatile sig_atomic_t is_ending;

static void end(int number) {
  (void)number;
  is_ending = 1;
}

static int add(const char *key, const char *value, void *data) {
  struct services *services = data;
  if (strcmp(key, "service") == 0 && services->count < most_services) {
    services->list[services->count++] = (struct service){strdup(value), 0};
  }
  return 0;
}

static void start(struct service *service) {
  service->process = fork();
  if (service->process != 0) return;
  execl(service->program, service->program, (char *)NULL);
  perror(service->program);
  _exit(127);
}

/* init [FILE]: starts what the file lists, and starts again what ends, until SIGTERM or SIGINT. */
int main(int argc, char **argv) {
  const char *file = argc > 1 ? argv[1] : "/etc/init.conf";
  struct services services = {.count = 0};
  if (kv_read(file, add, &services) != 0) {
    perror(file);
    return 1;
  }
  struct sigaction action = {.sa_handler = end};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  for (int i = 0; i < services.count; i++) start(&services.list[i]);
  while (!is_ending) {
    int status;
    pid_t ended = waitpid(-1, &status, 0);
    for (int i = 0; i < services.count && ended > 0 && !is_ending; i++) {
      if (services.list[i].process != ended) continue;
      sleep(restart_seconds);
      start(&services.list[i]);
    }
    if (ended < 0) pause();
  }
  for (int i = 0; i < services.count; i++) kill(services.list[i].process, SIGTERM);
  while (waitpid(-1, NULL, 0) > 0) continue;
  return 0;
}
