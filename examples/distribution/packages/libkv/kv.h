#ifndef KV_H
#define KV_H

#include <stddef.h>

/* Called for each pair, in the file's order; anything but 0 ends the reading. */
typedef int kv_visitor(const char *key, const char *value, void *data);

/*
 * Reads lines like "key = value". Spaces around either do not count; empty lines and those that begin with # say
 * nothing. Returns what the visitor ended with, 0 at the end of the file, -1 with errno when it cannot be read.
 */
int kv_read(const char *path, kv_visitor *visit, void *data);

/* Copies the first value of a key. Returns 1 when there is one, 0 when there is none, -1 with errno. */
int kv_find(const char *path, const char *key, char *value, size_t size);

const char *kv_version(void);

#endif
