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

static int add(const char *key, const char *value, void *data) {
  struct services *services = data;
  if (strcmp(key, "service") == 0 && services->count < most_services) {
    services->list[services->count++] = (struct service){strdup(value), 0};
  }
  return 0;
}

static void start(struct service *service, const sigset_t *signals) {
  service->process = fork();
  if (service->process != 0) return;
  sigprocmask(SIG_UNBLOCK, signals, NULL);
  execl(service->program, service->program, (char *)NULL);
  perror(service->program);
  _exit(127);
}

static void start_again(struct services *services, pid_t ended, const sigset_t *signals) {
  for (int i = 0; i < services->count; i++) {
    if (services->list[i].process != ended) continue;
    sleep(restart_seconds);
    start(&services->list[i], signals);
  }
}

/* init [FILE]: starts what the file lists, and starts again what ends, until SIGTERM or SIGINT. */
int main(int argc, char **argv) {
  const char *file = argc > 1 ? argv[1] : "/etc/init.conf";
  struct services services = {.count = 0};
  if (kv_read(file, add, &services) != 0) {
    perror(file);
    return 1;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  for (int i = 0; i < services.count; i++) start(&services.list[i], &signals);
  int number = 0;
  while (sigwait(&signals, &number) == 0 && number == SIGCHLD) {
    pid_t ended;
    while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) start_again(&services, ended, &signals);
  }
  for (int i = 0; i < services.count; i++) kill(services.list[i].process, SIGTERM);
  while (waitpid(-1, NULL, 0) > 0) continue;
  return 0;
}
