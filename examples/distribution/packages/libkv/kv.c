#include "kv.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static char *trimmed(char *text) {
  while (isspace((unsigned char)*text)) text++;
  char *end = text + strlen(text);
  while (end > text && isspace((unsigned char)end[-1])) end--;
  *end = '\0';
  return text;
}

int kv_read(const char *path, kv_visitor *visit, void *data) {
  FILE *file = fopen(path, "re");
  if (file == NULL) return -1;
  char line[1024];
  int result = 0;
  while (result == 0 && fgets(line, sizeof line, file) != NULL) {
    char *equals = strchr(line, '=');
    if (line[0] == '#' || equals == NULL) continue;
    *equals = '\0';
    result = visit(trimmed(line), trimmed(equals + 1), data);
  }
  if (ferror(file)) result = -1;
  fclose(file);
  return result;
}

struct wanted {
  const char *key;
  char *value;
  size_t size;
};

static int take(const char *key, const char *value, void *data) {
  struct wanted *wanted = data;
  if (strcmp(key, wanted->key) != 0) return 0;
  snprintf(wanted->value, wanted->size, "%s", value);
  return 1;
}

int kv_find(const char *path, const char *key, char *value, size_t size) {
  struct wanted wanted = {key, value, size};
  return kv_read(path, take, &wanted);
}

const char *kv_version(void) { return KV_VERSION; }
