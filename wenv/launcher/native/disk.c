/* See disk.h.  Folders are opened by descriptor and never through a link. */

#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE

#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
/* Folders in folders are held open down to HELD levels. */
enum { HELD = 12, MOST_LINKED = 1000 };

/* -- names: texts one after the other, each ended by a zero byte */

typedef struct {
  char *data;
  size_t size, room;
} Names;

static bool add_name(Names *names, const char *name) {
  size_t size = strlen(name) + 1;
  if (names->size + size > names->room) {
    size_t room = (names->size + size) * 2;
    char *data = realloc(names->data, room);
    if (!data) return false;
    names->data = data, names->room = room;
  }
  memcpy(names->data + names->size, name, size);
  names->size += size;
  return true;
}

/* Take the last name; it stays valid until another is added. */
static const char *take_name(Names *names) {
  if (!names->size) return NULL;
  size_t at = names->size - 1;
  while (at && names->data[at - 1]) at--;
  names->size = at;
  return names->data + at;
}

/* Everything in a folder, whose descriptor stays open. */
static bool list(int folder, Names *names) {
  int copy = openat(folder, ".", FOLDER);
  DIR *entries = copy < 0 ? NULL : fdopendir(copy);
  if (!entries) {
    if (copy >= 0) close(copy);
    return false;
  }
  bool done = true;
  for (struct dirent *entry; done && (entry = readdir(entries));)
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) done = add_name(names, entry->d_name);
  closedir(entries);
  return done;
}

/* -- measuring */

typedef struct {
  dev_t device;
  ino_t inode;
} Identity;
typedef struct {
  int descriptor;
  Identity identity;
  Names left;
} Level;
typedef struct {
  Identity *seen;
  size_t count, room;
} Linked;

/* Whether a file with several names is met for the first time; of very many, none is remembered. */
static bool is_first(Linked *linked, Identity identity) {
  if (linked->count >= MOST_LINKED) return true;
  for (size_t i = 0; i < linked->count; i++)
    if (linked->seen[i].device == identity.device && linked->seen[i].inode == identity.inode) return false;
  if (linked->count == linked->room) {
    size_t room = linked->room * 2 + 16;
    Identity *seen = realloc(linked->seen, room * sizeof *seen);
    if (!seen) return true;
    linked->seen = seen, linked->room = room;
  }
  linked->seen[linked->count++] = identity;
  return true;
}

/* Count what is directly in a folder, up to the bounds, and leave in `inner` the folders in it. */
static bool look_at(int folder, Names *inner, Usage *found, const Bounds *bounds, Linked *linked, int64_t since) {
  Names names = {0};
  bool done = list(folder, &names);
  for (const char *name; (name = take_name(&names));) {
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW)) continue;
    if (S_ISDIR(status.st_mode) && !add_name(inner, name)) done = false;
    if (status.st_ctime < since) continue;
    if (++found->files > bounds->files) break;
    if (!S_ISREG(status.st_mode)) continue;
    if (status.st_nlink < 2 || is_first(linked, (Identity){status.st_dev, status.st_ino})) found->size += (uint64_t)status.st_size;
  }
  free(names.data);
  return done;
}

static bool identify(int folder, Identity *identity) {
  struct stat status;
  if (fstat(folder, &status)) return false;
  *identity = (Identity){status.st_dev, status.st_ino};
  return true;
}

void measure(const char *folder, Usage *found, const Bounds *bounds, int64_t since) {
  Level *levels = NULL;
  size_t depth = 0, room = 0;
  Linked linked = {0};
  Names left = {0};
  int current = open(folder, FOLDER);
  bool whole = current >= 0 && look_at(current, &left, found, bounds, &linked, since);
  while (whole && found->size <= bounds->disk && found->files <= bounds->files) {
    const char *name = take_name(&left);
    if (name) {
      int inner = openat(current, name, FOLDER);
      if (inner < 0) {
        whole = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
        continue;
      }
      if (depth == room) {
        size_t more = room * 2 + 16;
        Level *grown = realloc(levels, more * sizeof *levels);
        if (!grown) {
          close(inner);
          whole = false;
          break;
        }
        levels = grown, room = more;
      }
      Level level = {.descriptor = depth < HELD ? current : -1, .left = left};
      whole = identify(current, &level.identity);
      if (level.descriptor < 0) close(current);
      levels[depth++] = level;
      left = (Names){0};
      current = inner;
      whole = whole && look_at(current, &left, found, bounds, &linked, since);
    } else if (depth) {
      Level level = levels[--depth];
      Identity identity;
      int above = level.descriptor >= 0 ? level.descriptor : openat(current, "..", FOLDER);
      free(left.data);
      left = level.left;
      if (above >= 0) close(current), current = above;
      whole = above >= 0 && identify(current, &identity) && identity.device == level.identity.device && identity.inode == level.identity.inode;
    } else {
      break;
    }
  }
  if (!whole) found->whole = false;
  if (current >= 0) close(current);
  while (depth) {
    Level level = levels[--depth];
    if (level.descriptor >= 0) close(level.descriptor);
    free(level.left.data);
  }
  free(levels), free(left.data), free(linked.seen);
}

uint64_t unnamed_size(int first, int last) {
  uint64_t size = 0;
  struct stat status;
  for (int descriptor = first; descriptor < last; descriptor++)
    if (!fstat(descriptor, &status) && S_ISREG(status.st_mode) && !status.st_nlink) size += (uint64_t)status.st_size;
  return size;
}

/* -- the system's limits */

static void set_soft(int resource, uint64_t value) {
  struct rlimit limit;
  if (getrlimit(resource, &limit)) return;
  limit.rlim_cur = value && (limit.rlim_max == RLIM_INFINITY || value < limit.rlim_max) ? (rlim_t)value : limit.rlim_max;
  setrlimit(resource, &limit);
}

void allow_open_files(uint64_t count) { set_soft(RLIMIT_NOFILE, count); }

void limit_file_size(uint64_t size) { set_soft(RLIMIT_FSIZE, size); }

/* -- deleting: folders are entered one by one and left through their parent, so that no path is long and few are open */

typedef struct {
  Identity identity;
  Names left;
  char *name;
} Entered;

/* Delete all in a folder, as it is found; returns how much that was.  Ends early if folders are moved meanwhile. */
static size_t remove_all(int top) {
  Entered *above = NULL;
  size_t depth = 0, room = 0, count = 0;
  Names names = {0};
  int current = openat(top, ".", FOLDER);
  bool sound = current >= 0 && list(current, &names);
  while (sound && (names.size || depth)) {
    const char *name = take_name(&names);
    Identity identity;
    if (!name) {
      Entered entered = above[--depth];
      int parent = openat(current, "..", FOLDER);
      free(names.data);
      names = entered.left;
      if (parent >= 0) close(current), current = parent;
      sound = parent >= 0 && identify(current, &identity) && identity.device == entered.identity.device && identity.inode == entered.identity.inode;
      if (sound && !unlinkat(current, entered.name, AT_REMOVEDIR)) count++;
      free(entered.name);
      continue;
    }
    if (!unlinkat(current, name, 0)) {
      count++;
      continue;
    }
    int inner = openat(current, name, FOLDER);
    if (inner < 0) continue;
    if (depth == room) {
      size_t more = room * 2 + 16;
      Entered *grown = realloc(above, more * sizeof *above);
      if (!grown) {
        close(inner);
        break;
      }
      above = grown, room = more;
    }
    above[depth] = (Entered){.left = names, .name = strdup(name)};
    sound = above[depth].name && identify(current, &above[depth].identity);
    depth++;
    close(current);
    current = inner;
    names = (Names){0};
    sound = sound && list(current, &names);
  }
  while (depth) free(above[--depth].name), free(above[depth].left.data);
  free(above), free(names.data);
  if (current >= 0) close(current);
  return count;
}

void remove_tree(const char *folder, long seconds) {
  time_t end = time(NULL) + seconds;
  int top = open(folder, FOLDER);
  if (top < 0) return;
  while (rmdir(folder) && errno != ENOENT && remove_all(top) && time(NULL) < end) continue;
  close(top);
  rmdir(folder);
}
