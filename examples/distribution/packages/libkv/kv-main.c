#include "kv.h"

#include <stdio.h>
#include <string.h>

/* kv FILE KEY: prints the value. */
int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    printf("kv %s\n", kv_version());
    return 0;
  }
  if (argc != 3) {
    fprintf(stderr, "usage: kv FILE KEY\n");
    return 2;
  }
  char value[1024];
  switch (kv_find(argv[1], argv[2], value, sizeof value)) {
    case 1:
      puts(value);
      return 0;
    case 0:
      fprintf(stderr, "kv: %s has no %s\n", argv[1], argv[2]);
      return 1;
    default:
      perror(argv[1]);
      return 2;
  }
}
