/* This program as the command `wenv`: it runs `wenv run` where that needs nothing unusual, and is Python's wenv for all else.

   Python's is the script `wenv-python` beside it, which the installer made.  What is read of an environment before its start file
   is a hint only: a start file counts if it lies in the user's own data folder and is of the environment that was found. */

#include "launcher.h"

#ifdef __APPLE__
#include <mach-o/dyld.h>
#define DATA "Library/Application Support"
#else
#define DATA ".local/share"
#endif

char *own_path(void) {
  static char found[PATH_MAX];
#ifdef __APPLE__
  char path[PATH_MAX];
  uint32_t size = sizeof path;
  return _NSGetExecutablePath(path, &size) || !realpath(path, found) ? NULL : found;
#else
  return realpath("/proc/self/exe", found);
#endif
}

/* Where wenv keeps what it knows of environments: registry_folder in wenv/locations.py.  NULL if Python must say. */
static char *registry(void) {
  char *given = getenv("WENV_DATA_DIR"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
  if (given && *given) return *given == '/' && is_plain(given) ? joined(given, "registered") : NULL;
  if (xdg && *xdg) return *xdg == '/' && is_plain(xdg) ? joined(xdg, "wenv/registered") : NULL;
  return home && *home == '/' && is_plain(home) ? joined(joined(home, DATA), "wenv/registered") : NULL;
}

/* Whether an environment that was found upwards is the user's: see _is_own in wenv/launcher/start.py. */
static bool is_own(const char *folder, const char *manifest) {
  struct stat own, its;
  return !lstat(folder, &own) && !lstat(manifest, &its) && S_ISDIR(own.st_mode) && S_ISREG(its.st_mode) && own.st_uid == geteuid() &&
         its.st_uid == geteuid();
}

/* The folder of the environment that is meant without a name: the active one, or the nearest upwards. */
static char *found_folder(const char *here) {
  char *active = getenv("WENV_ENVIRONMENT");
  if (active && *active) return *active == '/' && is_plain(active) ? active : NULL;
  for (char *above = strdup(here); above; above = strcmp(above, "/") ? parent(above) : NULL) {
    char *folder = joined(strcmp(above, "/") ? above : "", ".wenv"), *manifest = joined(folder, "environment.json");
    struct stat status;
    if (!lstat(manifest, &status)) return is_own(folder, manifest) ? folder : NULL;
  }
  return NULL;
}

static char *named_folder(const char *name) {
  char *known = registry();
  if (!known || !*name || *name == '.' || strchr(name, '/')) return NULL;
  return joined(joined(parent(known), "environments"), name);
}

/* The folder that --path means: that one, or the one in it. */
static char *folder_at(const char *path) {
  char found[PATH_MAX];
  struct stat status;
  if (!*path || !realpath(path, found) || !is_plain(found)) return NULL;
  char *folder = strdup(found), *inside = joined(folder, ".wenv");
  if (!stat(joined(folder, "environment.json"), &status) && S_ISREG(status.st_mode)) return folder;
  return !stat(joined(inside, "environment.json"), &status) && S_ISREG(status.st_mode) ? inside : NULL;
}

char *run_words(const char *own, char **words, const char *here, char **folder, char **start_file) {
  char *known = registry();
  instead = words;
  instead[0] = joined(parent(own), "wenv-python");
  if (!here || !words[1] || strcmp(words[1], "run") || getenv("WENV_START_FILE_IS_STALE")) hand_over();
  words += 2;
  bool is_path = words[0] && words[1] && !strcmp(words[0], "--path");
  bool is_named = is_path || (words[0] && words[1] && (!strcmp(words[0], "-n") || !strcmp(words[0], "--name")));
  if (is_named) *folder = is_path ? folder_at(words[1]) : named_folder(words[1]), words += 2;
  else *folder = found_folder(here);
  if (!known || !*folder || !words[0]) hand_over();
  if (!strcmp(words[0], "python") || !strcmp(words[0], "python3")) words++;
  if (!is_named && words[0] && (*words[0] == '-' ? !words[0][1] : may_have_block(words[0]))) hand_over();
  script = joined(*folder, "bin/python"), arguments = words;
  read_script(start_file);
  python = NULL; /* the file may be anybody's */
  char *place = is_plain(*start_file) ? parent(*start_file) : NULL;
  if (!place || strcmp(place, known)) hand_over();
  return words[0];
}
