/* The start file: texts, each ended by a zero byte; the first byte says what the rest is (wenv/run/start_file.py). */

#include "launcher.h"

/* Bytes of the largest start file. */
enum { LARGEST = 16 << 20 };

static char *records, *records_end;

/* The next text of a kind after `after`, or the first one. */
char *next(char kind, const char *after) {
  for (char *at = after ? (char *)after + strlen(after) + 1 : records; at < records_end; at += strlen(at) + 1)
    if (*at == kind) return at + 1;
  return NULL;
}

char *only(char kind) {
  char *found = next(kind, NULL);
  if (!found) renew();
  return found;
}

/* The CRC-32 of some bytes (ISO 3309, as zlib's), four bits at a time. */
static uint32_t crc32(const char *data, size_t size) {
  static uint32_t table[16];
  if (!table[1])
    for (uint32_t i = 0; i < 16; i++) {
      table[i] = i;
      for (int bit = 0; bit < 4; bit++) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0);
    }
  uint32_t value = ~0u;
  for (size_t i = 0; i < size; i++) {
    value ^= (unsigned char)data[i];
    value = value >> 4 ^ table[value & 15];
    value = value >> 4 ^ table[value & 15];
  }
  return ~value;
}

/* What was read must end with its own checksum: a damaged file would be read as something else. */
static void check_records(size_t size) {
  enum { LAST = 10 }; /* "#", eight digits, a zero byte */
  char expected[LAST + 1];
  if (size < LAST || records[size - 1]) renew();
  records_end = records + size - LAST;
  snprintf(expected, sizeof expected, "#%08x", (unsigned)crc32(records, size - LAST));
  if (strcmp(records_end, expected) || (records_end > records && records_end[-1])) renew();
}

void read_records(const char *path) {
  struct stat status;
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0 || fstat(file, &status) || !S_ISREG(status.st_mode) || status.st_size < 2 || status.st_size > LARGEST) renew();
  size_t size = (size_t)status.st_size, have = 0;
  if (!(records = malloc(size))) hand_over();
  while (have < size) {
    ssize_t got = read(file, records + have, size - have);
    if (got <= 0) renew();
    have += (size_t)got;
  }
  close(file);
  check_records(size);
}

/* Whether a file is the one that it was: "SIZE MTIME-NANOSECONDS INODE PATH", where an inode of 0 says nothing. */
static bool is_same(const char *stamp) {
  char *at;
  struct stat status;
  long long size = strtoll(stamp, &at, 10), modified = strtoll(at, &at, 10), inode = strtoll(at, &at, 10);
  if (*at != ' ' || stat(at + 1, &status)) return false;
#ifdef __APPLE__
  struct timespec time = status.st_mtimespec;
#else
  struct timespec time = status.st_mtim;
#endif
  return status.st_size == size && (long long)time.tv_sec * 1000000000 + time.tv_nsec == modified && (!inode || (long long)status.st_ino == inode);
}

/* Whether a variable is as "NAME=VALUE" says, or, without "=", not set. */
bool is_set_so(const char *wanted) {
  const char *sign = strchr(wanted, '=');
  char *name = strndup(wanted, sign ? (size_t)(sign - wanted) : strlen(wanted));
  const char *value = name ? getenv(name) : NULL;
  free(name);
  return sign ? value && !strcmp(value, sign + 1) : !value;
}

bool fits(void) {
  for (char *stamp = next(RECORD_SAME_FILE, NULL); stamp; stamp = next(RECORD_SAME_FILE, stamp))
    if (!is_same(stamp)) return false;
  struct stat status;
  for (char *path = next(RECORD_NO_FILE, NULL); path; path = next(RECORD_NO_FILE, path))
    if (!stat(path, &status)) return false;
  for (char *variable = next(RECORD_VARIABLE, NULL); variable; variable = next(RECORD_VARIABLE, variable))
    if (!is_set_so(variable)) return false;
  return true;
}
