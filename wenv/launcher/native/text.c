/* Texts that grow, paths, JSON.  Nothing is freed, as the process is short. */

#include "launcher.h"

void add_bytes(Text *text, const char *data, size_t size) {
  if (text->size + size + 1 > text->room) {
    text->room = (text->size + size + 1) * 2;
    if (!(text->data = realloc(text->data, text->room))) _exit(NOT_STARTED);
  }
  memcpy(text->data + text->size, data, size);
  text->size += size;
  text->data[text->size] = 0;
}

void add(Text *text, const char *more) { add_bytes(text, more, strlen(more)); }

char *joined(const char *folder, const char *name) {
  Text path = {0};
  add(&path, folder);
  if (!path.size || path.data[path.size - 1] != '/') add(&path, "/");
  add(&path, name);
  return path.data;
}

bool starts(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

/* Whether a guest path is a folder or lies in it. */
bool is_inside(const char *path, const char *folder) {
  size_t size = strlen(folder);
  while (size && folder[size - 1] == '/') size--;
  return !strcmp(path, folder) || (!strncmp(path, folder, size) && path[size] == '/');
}

/* A text as JSON.  One that is not UTF-8 is Python's affair. */
void add_json(Text *text, const char *value) {
  add(text, "\"");
  for (const unsigned char *at = (const unsigned char *)value; *at;) {
    size_t more = *at < 0x80 ? 0 : *at >= 0xC2 && *at < 0xE0 ? 1 : *at >= 0xE0 && *at < 0xF0 ? 2 : *at >= 0xF0 && *at < 0xF5 ? 3 : 4;
    uint32_t code = more ? *at & (0x3Fu >> more) : *at;
    for (size_t i = 1; i <= more; i++) {
      if (more == 4 || (at[i] & 0xC0) != 0x80) hand_over();
      code = code << 6 | (at[i] & 0x3F);
    }
    if ((more == 2 && code < 0x800) || (more == 3 && code < 0x10000) || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) hand_over();
    if (code < 0x20 || code == '"' || code == '\\') {
      char escape[8];
      snprintf(escape, sizeof escape, "\\u%04x", (unsigned)code);
      add(text, escape);
    } else {
      add_bytes(text, (const char *)at, more + 1);
    }
    at += more + 1;
  }
  add(text, "\"");
}
