#include <ctype.h>
#include <dirent.h>
#include <kv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static int fail(const char *what) {
  perror(what);
  return 1;
}

static int copy(FILE *from) {
  char block[4096];
  size_t length;
  while ((length = fread(block, 1, sizeof block, from)) > 0) fwrite(block, 1, length, stdout);
  return ferror(from);
}

static int cat(int argc, char **argv) {
  if (argc == 1) return copy(stdin);
  for (int i = 1; i < argc; i++) {
    FILE *file = fopen(argv[i], "re");
    if (file == NULL || copy(file) != 0) return fail(argv[i]);
    fclose(file);
  }
  return 0;
}

static int echo(int argc, char **argv) {
  for (int i = 1; i < argc; i++) printf(i == 1 ? "%s" : " %s", argv[i]);
  putchar('\n');
  return 0;
}

static int no(int argc, char **argv) {
  (void)argc, (void)argv;
  return 1;
}

static int yes(int argc, char **argv) {
  (void)argc, (void)argv;
  return 0;
}

static int hostname(int argc, char **argv) {
  (void)argc;
  char *file[] = {argv[0], "/etc/hostname"};
  return cat(2, file);
}

static int is_shown(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int ls(int argc, char **argv) {
  const char *directory = argc > 1 ? argv[1] : ".";
  struct dirent **entries;
  int count = scandir(directory, &entries, is_shown, alphasort);
  if (count < 0) return fail(directory);
  for (int i = 0; i < count; i++) puts(entries[i]->d_name);
  return 0;
}

static int show_uname(int argc, char **argv) {
  (void)argc, (void)argv;
  struct utsname names;
  if (uname(&names) != 0) return fail("uname");
  printf("%s %s\n", names.sysname, names.machine);
  return 0;
}

static int version(int argc, char **argv) {
  (void)argc, (void)argv;
  char name[256];
  if (kv_find("/etc/os-release", "PRETTY_NAME", name, sizeof name) != 1) return fail("/etc/os-release");
  printf("%s; box %s, libkv %s\n", name, BOX_VERSION, kv_version());
  return 0;
}

static int wc(int argc, char **argv) {
  FILE *file = argc > 1 ? fopen(argv[1], "re") : stdin;
  if (file == NULL) return fail(argv[1]);
  long lines = 0, words = 0, bytes = 0;
  int is_inside = 0;
  for (int byte = getc(file); byte != EOF; byte = getc(file)) {
    bytes++;
    lines += byte == '\n';
    words += !isspace(byte) && !is_inside;
    is_inside = !isspace(byte);
  }
  printf("%ld %ld %ld\n", lines, words, bytes);
  return 0;
}

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
} tools[] = {
    {"cat", cat}, {"echo", echo}, {"false", no}, {"hostname", hostname}, {"ls", ls},
    {"true", yes}, {"uname", show_uname}, {"version", version}, {"wc", wc},
};

static int run(const char *path, int argc, char **argv) {
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
    if (strcmp(name, tools[i].name) == 0) return tools[i].run(argc, argv);
  }
  return -1;
}

/* A tool is chosen by the name that the program has, or by its first argument. */
int main(int argc, char **argv) {
  int result = run(argv[0], argc, argv);
  if (result == -1 && argc > 1) result = run(argv[1], argc - 1, argv + 1);
  if (result != -1) return fflush(stdout) == 0 ? result : fail("stdout");
  fprintf(stderr, "box %s:", BOX_VERSION);
  for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) fprintf(stderr, " %s", tools[i].name);
  fputc('\n', stderr);
  return 2;
}
