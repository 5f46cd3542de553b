#include "kv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  FILE *file = fopen("test.conf", "w");
  assert(file != NULL);
  fputs("# a note\n\n  first=1\nsecond =  two words \nfirst = again\nno value\n", file);
  fclose(file);
  char value[64];
  assert(kv_find("test.conf", "first", value, sizeof value) == 1 && strcmp(value, "1") == 0);
  assert(kv_find("test.conf", "second", value, sizeof value) == 1 && strcmp(value, "two words") == 0);
  assert(kv_find("test.conf", "third", value, sizeof value) == 0);
  assert(kv_find("missing.conf", "first", value, sizeof value) == -1);
  return 0;
}
