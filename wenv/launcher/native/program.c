/* Which program is meant, and where it lies. */

#include "launcher.h"

const char *form, *target;
char **given, *own_folder;

/* Whether a path is written as plainly as it can be: no empty part, no dots. */
bool is_plain(const char *path) {
  const char *at = *path == '/' ? path + 1 : path;
  for (;; at++) {
    size_t part = strcspn(at, "/");
    if (!part || (part == 1 && *at == '.') || (part == 2 && starts(at, ".."))) return false;
    at += part;
    if (!*at) return true;
  }
}

char *parent(const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return NULL;
  return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

char *guest_path(const char *host) {
  for (char *own = next(RECORD_HIDDEN_BELOW, NULL); own; own = next(RECORD_HIDDEN_BELOW, own))
    if (is_inside(host, own)) return joined(only(RECORD_ELSEWHERE), host + 1);
  for (char *own = next(RECORD_HIDDEN, NULL); own; own = next(RECORD_HIDDEN, own))
    if (!strcmp(host, own)) return joined(only(RECORD_ELSEWHERE), host + 1);
  return strdup(host);
}

const char *console_script(const char *name) {
  for (char *known = next(RECORD_SCRIPT, NULL); known; known = next(RECORD_SCRIPT, known))
    if (!strcmp(known, name)) return next(RECORD_ENTRY_POINT, known);
  return NULL;
}

static void choose_file(char *path, const char *here) {
  struct stat status;
  while (starts(path, "./") && path[2] && path[2] != '/') path += 2;
  if (!strcmp(here, "/") || !is_plain(path) || lstat(path, &status) || S_ISLNK(status.st_mode)) hand_over();
  char *whole = *path == '/' ? path : joined(here, path);
  own_folder = S_ISDIR(status.st_mode) ? whole : parent(whole);
  form = "script";
  target = *path != '/' ? path : own_folder == whole ? guest_path(whole) : joined(guest_path(own_folder), strrchr(whole, '/') + 1);
}

/* See wenv/guest/command_line.py and program_of in wenv/launcher/request.py. */
void choose_program(char *name, const char *here) {
  static char *none[] = {NULL};
  char **words = arguments;
  if (strcmp(name, "python")) {
    if (!(target = console_script(name))) hand_over();
    given = words - 1; /* where the script was: a console script's first argument is its name */
    *given = name;
    form = "entry";
  } else if (!words[0]) {
    if (isatty(0)) hand_over();
    form = "stdin", target = "", given = none;
  } else if ((!strcmp(words[0], "-c") || !strcmp(words[0], "-m")) && words[1]) {
    form = words[0][1] == 'c' ? "code" : "module", target = words[1], given = words + 2;
  } else if (!strcmp(words[0], "-")) {
    form = "stdin", target = "", given = words + 1;
  } else if (words[0][0] == '-' || !words[0][0] || console_script(words[0])) {
    hand_over();
  } else {
    choose_file(words[0], here);
    given = words + 1;
  }
}

bool may_have_block(const char *path) {
  struct stat status;
  bool found = false;
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return false;
  if (!fstat(file, &status) && S_ISREG(status.st_mode) && status.st_size > 0) {
    size_t room = status.st_size < LARGEST_SCRIPT ? (size_t)status.st_size : LARGEST_SCRIPT;
    char *text = malloc(room + 1);
    ssize_t size = text ? read(file, text, room) : -1;
    if (size >= 0) {
      text[size] = 0;
      for (char *line = starts(text, MARK) ? text + sizeof MARK - 1 : text; line && !found; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        found = starts(line, BLOCK);
      }
    }
    free(text);
  }
  close(file);
  return found;
}
