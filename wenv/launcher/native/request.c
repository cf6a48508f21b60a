/* What the guest is told: see wenv/launcher/request.py. */

#include "launcher.h"

Folder shared[2];
size_t shared_count;

/* A folder to read, unless it is a whole disk or lies in one that is shared already. */
void share(char *host) {
  if (!host || !strcmp(host, "/")) return;
  if (shared_count && is_inside(host, shared[0].host) && is_inside(guest_path(host), shared[0].guest)) return;
  shared[shared_count++] = (Folder){host, guest_path(host)};
}

static void add_size(Text *text, const char *variable, unsigned actual) {
  const char *value = getenv(variable);
  char number[16];
  if (value && *value && strspn(value, "0123456789") == strlen(value) && strlen(value) < 6 && atoi(value)) actual = (unsigned)atoi(value);
  snprintf(number, sizeof number, "%u", actual);
  add(text, number);
}

static const char *directory; /* in which the program works, a guest path */

/* Whether a guest path leads to something in a folder that is shared. */
static bool is_there(const char *path) {
  Text whole = {0};
  if (*path != '/') add(&whole, directory), add(&whole, "/");
  add(&whole, path);
  for (size_t i = 0; i < shared_count; i++) {
    Text host = {0};
    struct stat status;
    if (is_inside(shared[i].guest, whole.data)) return true;
    if (!is_inside(whole.data, shared[i].guest)) continue;
    add(&host, shared[i].host), add(&host, whole.data + strlen(shared[i].guest));
    if (!lstat(host.data, &status)) return true;
  }
  return false;
}

/* What to load: component and memory image as they were baked, unless something is not as their modules saw it. */
void choose(char **component, char **image) {
  char *baked = next(RECORD_BAKED_CODE, NULL);
  for (char *variable = next(RECORD_BAKED_VARIABLE, NULL); baked && variable; variable = next(RECORD_BAKED_VARIABLE, variable))
    if (!is_set_so(variable)) baked = NULL;
  for (char *path = next(RECORD_BAKED_ABSENT, NULL); baked && path; path = next(RECORD_BAKED_ABSENT, path))
    if (is_there(path)) baked = NULL;
  *component = baked ? baked : only(RECORD_CODE);
  *image = next(baked ? RECORD_BAKED_MEMORY : RECORD_MEMORY, NULL);
}

char *request(const char *here) {
  Text text = {0};
  add(&text, "{\"form\":"), add_json(&text, form);
  add(&text, ",\"target\":"), add_json(&text, target);
  add(&text, ",\"arguments\":[");
  for (char **word = given; *word; word++) {
    if (word != given) add(&text, ",");
    add_json(&text, *word);
  }
  char *working = guest_path(here);
  bool seen = false;
  add(&text, "],\"shared\":{");
  for (size_t i = 0; i < shared_count; i++) {
    if (i) add(&text, ",");
    add_json(&text, shared[i].guest), add(&text, ":false");
    seen = seen || is_inside(working, shared[i].guest);
  }
  directory = seen ? working : only(RECORD_DIRECTORY);
  add(&text, "},\"directory\":"), add_json(&text, directory);
  add(&text, ",\"environment\":{");
  for (char *name = next(RECORD_PASSED, NULL); name; name = next(RECORD_PASSED, name)) {
    if (!getenv(name)) continue;
    add_json(&text, name), add(&text, ":"), add_json(&text, getenv(name)), add(&text, ",");
  }
  add(&text, only(RECORD_ENVIRONMENT)), add(&text, "},\"terminal\":"); /* of names that occur twice the last one counts */
  if (isatty(1)) {
    struct winsize size = {.ws_col = 80, .ws_row = 24};
    ioctl(1, TIOCGWINSZ, &size);
    add(&text, "["), add_size(&text, "COLUMNS", size.ws_col), add(&text, ","), add_size(&text, "LINES", size.ws_row), add(&text, "],");
  } else {
    add(&text, "null,");
  }
  add(&text, only(RECORD_REQUEST)), add(&text, "}");
  return text.data;
}
