/* Runs a program in an environment, with nothing between the system and wasmtime's C library.

   The scripts in an environment's bin folder name this program as their interpreter.  It knows one way only, the one that is
   taken most: a program that is given what every program is given.  For everything else, and whenever something is not as the
   start file says, it hands over to Python, which the script's second line names, and which comes to the same result 10 ms
   later (wenv/launcher/start.py).  wenv/run/native_plan.py says what a start file holds. */

#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE

#include "disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What this program is called with to delete a folder: no script has such a path. */
static char REMOVE[] = "--remove";

/* Bytes: of a guest's thread, of the largest start file, of what is read of a file that a guest wrote. */
enum { STACK = 8 << 20, LARGEST = 16 << 20, SMALL = 1024 };
/* Seconds for which to delete what an ended guest left. */
/* And microseconds that the end of a command waits for the deleting. */
enum { WAIT = 3000000 };
enum { PATIENCE = 600, NOT_STARTED = 125, DISK_LIMIT = 118 };

/* -- the C library, as far as a run needs it: see wenv/launcher/c_api.py */

typedef struct { uint64_t store; uint32_t own; } Instance;
typedef struct { uint64_t store; uint32_t first, second; void *own; } Function;
typedef struct { uint8_t kind; size_t size; const char *data; void *more; } Value;
typedef struct { size_t size; char *data; } Bytes;

typedef struct { uint64_t store; size_t own; } ModuleInstance;
typedef struct { uint8_t kind; uint64_t of[3]; } Extern; /* a function or a memory, known by where `of` is */
typedef struct { uint8_t kind; union { int32_t number; uint64_t largest[3]; } of; } Integer;
typedef size_t Callback(void *, void *, const Integer *, size_t, Integer *, size_t);

enum { STRING = 12 }; /* wasmtime_component_valkind_t */

#define FUNCTIONS(F) \
  F(void *, wasm_config_new, (void)) \
  F(void, wasmtime_config_wasm_component_model_set, (void *, bool)) \
  F(void, wasmtime_config_max_wasm_stack_set, (void *, size_t)) \
  F(void *, wasm_engine_new_with_config, (void *)) \
  F(void *, wasmtime_component_deserialize_file, (void *, const char *, void **)) \
  F(void *, wasmtime_component_linker_new, (void *)) \
  F(void *, wasmtime_component_linker_add_wasip2, (void *)) \
  F(void *, wasmtime_component_linker_instantiate, (void *, void *, void *, Instance *)) \
  F(void *, wasmtime_component_instance_get_export_index, (Instance *, void *, void *, const char *, size_t)) \
  F(bool, wasmtime_component_instance_get_func, (Instance *, void *, void *, Function *)) \
  F(void *, wasmtime_component_func_call, (Function *, void *, Value *, size_t, Value *, size_t)) \
  F(void *, wasmtime_store_new, (void *, void *, void *)) \
  F(void *, wasmtime_store_context, (void *)) \
  F(void *, wasmtime_context_set_wasi, (void *, void *)) \
  F(void *, wasi_config_new, (void)) \
  F(void, wasi_config_inherit_stdin, (void *)) \
  F(void, wasi_config_inherit_stdout, (void *)) \
  F(void, wasi_config_inherit_stderr, (void *)) \
  F(bool, wasi_config_set_argv, (void *, size_t, const char **)) \
  F(bool, wasi_config_preopen_dir, (void *, const char *, const char *, bool)) \
  F(bool, wasmtime_error_exit_status, (void *, int *)) \
  F(void, wasmtime_error_message, (void *, Bytes *))

#define OF_MODULES(F) \
  F(void, wasmtime_config_wasm_exceptions_set, (void *, bool)) \
  F(void *, wasmtime_module_deserialize_file, (void *, const char *, void **)) \
  F(void *, wasmtime_linker_new, (void *)) \
  F(void *, wasmtime_linker_define_wasi, (void *)) \
  F(void *, wasm_valtype_new, (uint8_t)) \
  F(void, wasm_valtype_vec_new, (Bytes *, size_t, void **)) \
  F(void *, wasm_functype_new, (Bytes *, Bytes *)) \
  F(void *, wasmtime_linker_define_func, (void *, const char *, size_t, const char *, size_t, void *, Callback *, void *, void *)) \
  F(void *, wasmtime_linker_instantiate, (void *, void *, void *, ModuleInstance *, void **)) \
  F(bool, wasmtime_instance_export_get, (void *, ModuleInstance *, const char *, size_t, Extern *)) \
  F(void *, wasmtime_func_call, (void *, void *, Integer *, size_t, Integer *, size_t, void **)) \
  F(char *, wasmtime_memory_data, (void *, void *)) \
  F(uint64_t, wasmtime_memory_size, (void *, void *)) \
  F(void *, wasmtime_memory_grow, (void *, void *, uint64_t, uint64_t *)) \
  F(void, wasm_trap_message, (void *, Bytes *))

#define DECLARED(result, name, arguments) static result(*name) arguments;
FUNCTIONS(DECLARED)
OF_MODULES(DECLARED)

static bool load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return false;
#define FOUND(result, name, arguments) \
  if (!(*(void **)&name = dlsym(library, #name))) return false;
  FUNCTIONS(FOUND)
  OF_MODULES(FOUND)
  return true;
}

/* -- texts that grow; nothing is freed, as the process is short */

typedef struct { char *data; size_t size, room; } Text;

static void add_bytes(Text *text, const char *data, size_t size) {
  if (text->size + size + 1 > text->room) {
    text->room = (text->size + size + 1) * 2;
    if (!(text->data = realloc(text->data, text->room))) _exit(NOT_STARTED);
  }
  memcpy(text->data + text->size, data, size);
  text->size += size;
  text->data[text->size] = 0;
}

static void add(Text *text, const char *more) { add_bytes(text, more, strlen(more)); }

static char *joined(const char *folder, const char *name) {
  Text path = {0};
  add(&path, folder);
  if (!path.size || path.data[path.size - 1] != '/') add(&path, "/");
  add(&path, name);
  return path.data;
}

static bool starts(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

/* Whether a guest path is a folder or lies in it. */
static bool is_inside(const char *path, const char *folder) {
  size_t size = strlen(folder);
  while (size && folder[size - 1] == '/') size--;
  return !strcmp(path, folder) || (!strncmp(path, folder, size) && path[size] == '/');
}

/* -- signals that end a run: blocked from before there is anything to clean up, and waited for while the guest runs */

static sigset_t heard;

static void listen_to(int how) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction action;
  sigemptyset(&heard);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (!sigaction(numbers[i], NULL, &action) && action.sa_handler != SIG_IGN) sigaddset(&heard, numbers[i]);
  pthread_sigmask(how, &heard, NULL);
}

/* -- handing over */

static char *python, *script, **arguments; /* what Python would be given */
static void hand_over(void) {
  int count = 0;
  while (arguments[count]) count++;
  char **line = calloc((size_t)count + 4, sizeof *line);
  if (!line) _exit(NOT_STARTED);
  line[0] = python, line[1] = "-IS", line[2] = script;
  memcpy(line + 3, arguments, (size_t)count * sizeof *line);
  listen_to(SIG_UNBLOCK);
  execv(python, line);
  dprintf(2, "error: cannot start %s: %s\n", python, strerror(errno));
  _exit(NOT_STARTED);
}

/* The start file is not what the environment needs now: Python is to make it anew. */
static void renew(void) {
  setenv("WENV_START_FILE_IS_STALE", "1", 1);
  hand_over();
}

/* A text as JSON.  One that is not UTF-8 is Python's affair. */
static void add_json(Text *text, const char *value) {
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

/* -- the start file: texts, each ended by a zero byte; the first byte says what the rest is */

static char *records, *records_end;

/* The next text of a kind after `after`, or the first one. */
static char *next(char kind, const char *after) {
  for (char *at = after ? (char *)after + strlen(after) + 1 : records; at < records_end; at += strlen(at) + 1)
    if (*at == kind) return at + 1;
  return NULL;
}

static char *only(char kind) {
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

static void read_records(const char *path) {
  struct stat status;
  int file = open(path, O_RDONLY | O_CLOEXEC);
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
  return status.st_size == size && (long long)time.tv_sec * 1000000000 + time.tv_nsec == modified &&
         (!inode || (long long)status.st_ino == inode);
}

/* Whether a variable is as "NAME=VALUE" says, or, without "=", not set. */
static bool is_set_so(const char *wanted) {
  const char *sign = strchr(wanted, '=');
  char *name = strndup(wanted, sign ? (size_t)(sign - wanted) : strlen(wanted));
  const char *value = name ? getenv(name) : NULL;
  free(name);
  return sign ? value && !strcmp(value, sign + 1) : !value;
}

static bool fits(void) {
  for (char *stamp = next('S', NULL); stamp; stamp = next('S', stamp))
    if (!is_same(stamp)) return false;
  struct stat status;
  for (char *path = next('G', NULL); path; path = next('G', path))
    if (!stat(path, &status)) return false;
  for (char *variable = next('V', NULL); variable; variable = next('V', variable))
    if (!is_set_so(variable)) return false;
  return true;
}

/* -- the program */

static const char *form, *target;
static char **given;    /* its arguments */
static char *own_folder; /* a host folder that it is to see besides the working folder */

/* Whether a path is written as plainly as it can be: no empty part, no dots. */
static bool is_plain(const char *path) {
  const char *at = *path == '/' ? path + 1 : path;
  for (;; at++) {
    size_t part = strcspn(at, "/");
    if (!part || (part == 1 && *at == '.') || (part == 2 && starts(at, ".."))) return false;
    at += part;
    if (!*at) return true;
  }
}

static char *parent(const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return NULL;
  return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static char *guest_path(const char *host) {
  for (char *own = next('X', NULL); own; own = next('X', own))
    if (is_inside(host, own)) return joined(only('H'), host + 1);
  for (char *own = next('x', NULL); own; own = next('x', own))
    if (!strcmp(host, own)) return joined(only('H'), host + 1);
  return strdup(host);
}

static const char *console_script(const char *name) {
  for (char *known = next('T', NULL); known; known = next('T', known))
    if (!strcmp(known, name)) return next('t', known);
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
static void choose_program(char *name, const char *here) {
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

/* -- folders that exist for one run: see wenv/launcher/private.py */

static char *private_root;
static char **made;
static size_t made_count;

static bool make(const char *name) {
  char *folder = joined(private_root, name);
  if (mkdir(folder, 0777) && errno != EEXIST) return false;
  made = realloc(made, (made_count + 1) * sizeof *made);
  if (!made) _exit(NOT_STARTED);
  made[made_count++] = folder;
  return true;
}

/* The folder of a guest path below one of the private folders, with those above it. */
static bool make_all(const char *below, const char *guest) {
  char *path = joined(below, guest + 1);
  for (char *at = path + strlen(below) + 1; (at = strchr(at, '/')); at++) {
    *at = 0;
    if (!make(path)) return false;
    *at = '/';
  }
  return make(path);
}

static bool make_private(void) {
  static const char *const places[] = {"TMPDIR", "TEMP", "TMP"};
  const char *place = NULL;
  for (size_t i = 0; i < sizeof places / sizeof *places && (!place || !*place); i++) place = getenv(places[i]);
  if (!place || !*place) place = "/tmp";
  if (*place != '/' || !(private_root = mkdtemp(joined(place, "wenv-run-XXXXXX")))) return false;
  for (char *folder = next('R', NULL); folder; folder = next('R', folder))
    if (!make(folder)) return false;
  int null = open(joined(private_root, "dev/null"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  return null >= 0 && !close(null);
}

static void remove_private(void) {
  if (!private_root) return;
  unlink(joined(private_root, "dev/null"));
  for (size_t i = made_count; i; i--) rmdir(made[i - 1]);
  if (!rmdir(private_root)) return;
  allow_open_files(0);
  remove_tree(private_root, PATIENCE); /* the guest left something */
}

/* Before the guest has started: leave no trace, and hand over. */
static void give_up(void) {
  remove_private();
  renew();
}

/* What the guest gave to os._exit, or -1.  It may have put anything there. */
static int left_status(void) {
  char text[SMALL + 1] = "", *end;
  struct stat status;
  int file = open(joined(private_root, "private/exit-status"), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) || !S_ISREG(status.st_mode) || read(file, text, SMALL) <= 0) return -1;
  long value = strtol(text, &end, 10);
  return end == text || *end ? -1 : (int)(value & 0xFF);
}

/* -- what the guest is told */

typedef struct { char *host, *guest; } Folder;
static Folder shared[2];
static size_t shared_count;

/* A folder to read, unless it is a whole disk or lies in one that is shared already. */
static void share(char *host) {
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
static void choose(char **component, char **image) {
  char *baked = next('B', NULL);
  for (char *variable = next('b', NULL); baked && variable; variable = next('b', variable))
    if (!is_set_so(variable)) baked = NULL;
  for (char *path = next('A', NULL); baked && path; path = next('A', path))
    if (is_there(path)) baked = NULL;
  *component = baked ? baked : only('C');
  *image = next(baked ? 'm' : 'M', NULL);
}

static char *request(const char *here) {
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
  directory = seen ? working : only('Y');
  add(&text, "},\"directory\":"), add_json(&text, directory);
  add(&text, ",\"environment\":{");
  for (char *name = next('N', NULL); name; name = next('N', name)) {
    if (!getenv(name)) continue;
    add_json(&text, name), add(&text, ":"), add_json(&text, getenv(name)), add(&text, ",");
  }
  add(&text, only('E')), add(&text, "},\"terminal\":"); /* of names that occur twice the last one counts */
  if (isatty(1)) {
    struct winsize size = {.ws_col = 80, .ws_row = 24};
    ioctl(1, TIOCGWINSZ, &size);
    add(&text, "["), add_size(&text, "COLUMNS", size.ws_col), add(&text, ","), add_size(&text, "LINES", size.ws_row), add(&text, "],");
  } else {
    add(&text, "null,");
  }
  add(&text, only('J')), add(&text, "}");
  return text.data;
}

/* -- the run */

static void *linker, *compiled, *context;
static char *told, *image;
static pthread_mutex_t ending = PTHREAD_MUTEX_INITIALIZER; /* taken once, by who ends the process */

static void look_again(int64_t microseconds);

/* Python has the words for what stopped a guest. */
static void explain(const char *message) {
  char *code = "import sys; sys.path.append(sys.argv[1]); from wenv.launcher.start import explain; explain(sys.argv[2])";
  look_again(0);
  listen_to(SIG_UNBLOCK);
  execv(python, (char *[]){python, "-IS", "-c", code, only('K'), (char *)message, NULL});
  dprintf(2, "error: %s\n", message);
  _exit(NOT_STARTED);
}

static void check(void *error) {
  int status = 0;
  if (!error) return;
  pthread_mutex_lock(&ending);
  int left = left_status();
  if (wasmtime_error_exit_status(error, &status) || left >= 0) {
    remove_private();
    _exit(left >= 0 ? left : status);
  }
  Bytes message;
  wasmtime_error_message(error, &message);
  remove_private();
  explain(strndup(message.data, message.size));
}

static void check_trap(void *error, void *trap) {
  check(error);
  if (!trap) return;
  pthread_mutex_lock(&ending);
  int left = left_status();
  remove_private();
  if (left >= 0) _exit(left);
  Bytes message;
  wasm_trap_message(trap, &message);
  explain(strndup(message.data, message.size));
}

/* -- a module: see wenv/launcher/module.py */

enum { PAGE = 1 << 12, UNIT = 1 << 16 };

/* Nobody is behind the door of a program that was started like this. */
static size_t nobody(void *data, void *caller, const Integer *arguments, size_t count, Integer *results, size_t size) {
  (void)data, (void)caller, (void)arguments, (void)count, (void)size;
  results[0] = (Integer){.kind = 0, .of.number = -1};
  return 0;
}

static Bytes integers(size_t count) {
  void *kinds[4];
  Bytes vector;
  for (size_t i = 0; i < count; i++) kinds[i] = wasm_valtype_new(0);
  wasm_valtype_vec_new(&vector, count, kinds);
  return vector;
}

static bool prepare_module(void *engine, const char *component) {
  Bytes parameters = integers(4), results = integers(1);
  if (wasmtime_module_deserialize_file(engine, component, &compiled)) return false;
  linker = wasmtime_linker_new(engine);
  void *kind = wasm_functype_new(&parameters, &results);
  return !wasmtime_linker_define_wasi(linker) && !wasmtime_linker_define_func(linker, "host", 4, "call", 4, kind, nobody, NULL, NULL);
}

static int32_t called(Extern *function, Integer *arguments, size_t count) {
  Integer result = {0};
  void *trap = NULL;
  void *error = wasmtime_func_call(context, function->of, arguments, count, &result, 1, &trap);
  check_trap(error, trap);
  return result.of.number;
}

/* Map the image over the memory; its format is described in wenv/launcher/memory_image.py. */
static bool restore(void *memory) {
  struct stat status;
  uint64_t before;
  int file = open(image, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) || status.st_size < PAGE) return false;
  const uint32_t *head = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  if (head == MAP_FAILED) return false;
  size_t count = head[1], at = (8 + 8 * count + PAGE - 1) / PAGE * PAGE, end = at;
  if (at > (size_t)status.st_size) return false;
  for (size_t i = 0; i < count; i++) {
    if ((size_t)head[2 + 2 * i] + head[3 + 2 * i] > (size_t)head[0] * (UNIT / PAGE)) return false; /* beyond the memory */
    end += (size_t)head[3 + 2 * i] * PAGE;
  }
  if (end > (size_t)status.st_size) return false;
  uint64_t units = wasmtime_memory_size(context, memory);
  if (head[0] > units) check(wasmtime_memory_grow(context, memory, head[0] - units, &before));
  char *data = wasmtime_memory_data(context, memory);
  for (size_t i = 0; i < count; i++) {
    char *place = data + (size_t)head[2 + 2 * i] * PAGE;
    size_t size = (size_t)head[3 + 2 * i] * PAGE;
    if (mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, (off_t)at) != place) return false;
    at += size;
  }
  return !close(file);
}

/* The line of Python that runs the request: a literal with it between what the start file says. */
static Text source(void) {
  Text text = {0};
  add(&text, only('F')), add(&text, "'");
  for (const char *at = told; *at; at++) {
    if (*at == '\\' || *at == '\'') add(&text, "\\");
    add_bytes(&text, at, 1);
  }
  add(&text, "'"), add(&text, only('f'));
  return text;
}

static int run_module(void) {
  ModuleInstance instance;
  Extern memory, allocate, turn;
  void *trap = NULL;
  void *error = wasmtime_linker_instantiate(linker, context, compiled, &instance, &trap);
  check_trap(error, trap);
  if (!wasmtime_instance_export_get(context, &instance, "memory", 6, &memory) ||
      !wasmtime_instance_export_get(context, &instance, "host_alloc", 10, &allocate) ||
      !wasmtime_instance_export_get(context, &instance, "turn", 4, &turn) || !restore(memory.of)) {
    pthread_mutex_lock(&ending);
    give_up();
  }
  Text line = source();
  Integer arguments[2] = {{.of.number = (int32_t)line.size}, {.of.number = (int32_t)line.size}};
  arguments[0].of.number = called(&allocate, arguments, 1);
  memcpy(wasmtime_memory_data(context, memory.of) + (uint32_t)arguments[0].of.number, line.data, line.size);
  return called(&turn, arguments, 2);
}

static int run_component(void) {
  Instance instance;
  Function function;
  void *index = NULL;
  check(wasmtime_component_linker_instantiate(linker, context, compiled, &instance));
  index = wasmtime_component_instance_get_export_index(&instance, context, NULL, "wenv:env/session@0.1.0", 22);
  index = wasmtime_component_instance_get_export_index(&instance, context, index, "main", 4);
  if (!index || !wasmtime_component_instance_get_func(&instance, context, index, &function)) {
    pthread_mutex_lock(&ending);
    give_up();
  }
  Value argument = {.kind = STRING, .size = strlen(told), .data = told}, result = {0};
  check(wasmtime_component_func_call(&function, context, &argument, 1, &result, 1));
  return (int)(result.size & 0xFF);
}

static void *run(void *unused) {
  (void)unused;
  int status = image ? run_module() : run_component();
  pthread_mutex_lock(&ending);
  int left = left_status();
  remove_private();
  _exit(left >= 0 ? left : status & 0xFF);
}

/* The other half of a record. */
static char *half(char kind, const char *record) {
  char *found = next(kind, record);
  if (!found) give_up();
  return found;
}

static void prepare(void) {
  void *config, *engine, *wasi;
  char *component;
  if (!load(only('L'))) give_up();
  choose(&component, &image);
  config = wasm_config_new();
  if (image) wasmtime_config_wasm_exceptions_set(config, true);
  else wasmtime_config_wasm_component_model_set(config, true);
  wasmtime_config_max_wasm_stack_set(config, (size_t)strtoull(only('Z'), NULL, 10));
  engine = wasm_engine_new_with_config(config);
  if (image) {
    if (!prepare_module(engine, component)) give_up();
  } else {
    if (wasmtime_component_deserialize_file(engine, component, &compiled)) give_up();
    linker = wasmtime_component_linker_new(engine);
    if (wasmtime_component_linker_add_wasip2(linker)) give_up();
  }
  context = wasmtime_store_context(wasmtime_store_new(engine, NULL, NULL));
  wasi = wasi_config_new();
  wasi_config_set_argv(wasi, 1, (const char *[]){"python"});
  wasi_config_inherit_stdin(wasi), wasi_config_inherit_stdout(wasi), wasi_config_inherit_stderr(wasi);
  for (char *host = next('P', NULL); host; host = next('P', host))
    if (!wasi_config_preopen_dir(wasi, host, half('p', host), false)) give_up();
  for (char *host = next('W', NULL); host; host = next('W', host))
    if (!wasi_config_preopen_dir(wasi, host, half('w', host), true)) give_up();
  for (size_t i = 0; i < shared_count; i++)
    if (!wasi_config_preopen_dir(wasi, shared[i].host, shared[i].guest, false)) give_up();
  for (char *name = next('Q', NULL); name; name = next('Q', name)) {
    char *guest = half('q', name);
    if (!wasi_config_preopen_dir(wasi, joined(private_root, name), guest, strcmp(guest, "/"))) give_up();
  }
  if (wasmtime_context_set_wasi(context, wasi)) give_up();
}

/* -- limits: see wenv/launcher/limits.py */

/* Microseconds between two looks at the disk, at least; looks that may fail in a row, as folders move away under them. */
enum { LOOK = 50000, ELUSIVE = 20 };

static Bounds bounds;
static int first_descriptor; /* of the guest's */
static int64_t started;

static int lowest_free(void) {
  int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (descriptor >= 0) close(descriptor);
  return descriptor;
}

static bool is_file(int descriptor) {
  struct stat status;
  return !fstat(descriptor, &status) && S_ISREG(status.st_mode);
}

static void limit_process(void) {
  char *end;
  bounds.disk = strtoull(only('O'), &end, 10), bounds.files = strtoull(end, &end, 10), bounds.open_files = strtoull(end, &end, 10);
  first_descriptor = lowest_free();
  started = (int64_t)time(NULL);
  allow_open_files((uint64_t)first_descriptor + bounds.open_files + SLACK);
  signal(SIGXFSZ, SIG_IGN);
  if (!is_file(1) && !is_file(2)) limit_file_size(bounds.disk);
}

static void look_again(int64_t microseconds) {
  struct itimerval timer = {.it_value = {.tv_sec = (time_t)(microseconds / 1000000), .tv_usec = (suseconds_t)(microseconds % 1000000)}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* Why the guest must be stopped, NULL if it need not. */
static const char *look(void) {
  static const char *const places[] = {"tmp", "dev", "private"};
  static int elusive;
  static char reason[160];
  int last = first_descriptor + (int)bounds.open_files + SLACK + MEASURING;
  int64_t before = now(), pause;
  Usage found = {.whole = true};
  allow_open_files((uint64_t)last);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) measure(joined(private_root, places[i]), &found, &bounds, 0);
  for (char *host = next('W', NULL); host; host = next('W', host)) measure(host, &found, &bounds, started);
  found.size += unnamed_size(first_descriptor, last);
  allow_open_files((uint64_t)(last - MEASURING));
  elusive = found.whole ? 0 : elusive + 1;
  if (found.size > bounds.disk)
    snprintf(reason, sizeof reason, "its files take more than %llu bytes, its disk limit (--max-disk)", (unsigned long long)bounds.disk);
  else if (found.files > bounds.files)
    snprintf(reason, sizeof reason, "it keeps more than %llu files, its limit (--max-files)", (unsigned long long)bounds.files);
  else if (elusive > ELUSIVE)
    snprintf(reason, sizeof reason, "its folders change too quickly to be measured against its disk limit");
  pause = now() - before;
  look_again(pause > LOOK ? pause : LOOK);
  return *reason ? reason : NULL;
}

static char *self; /* the path of this program */

/* End the guest by replacing this process, whatever its threads are doing, by one that deletes the folders and ends as `end`
   says, a status or the number of a signal after a minus: `remove_and_end`. */
static void stop(const char *end) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  look_again(0);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) signal(numbers[i], SIG_IGN);
  pthread_sigmask(SIG_UNBLOCK, &heard, NULL);
  execv(self, (char *[]){self, REMOVE, private_root, (char *)end, NULL});
  dprintf(2, "error: cannot start %s: %s\n", self, strerror(errno));
  _exit(NOT_STARTED);
}

/* What the process becomes then. */
static void remove_and_end(const char *folder, const char *end) {
  int number = -atoi(end);
  allow_open_files(0);
  pid_t child = fork(); /* which goes on if the disk is slow: the caller does not wait for that */
  if (!child) {
    int nothing = open("/dev/null", O_RDWR);
    setsid(), dup2(nothing, 0), dup2(nothing, 1), dup2(nothing, 2);
    remove_tree(folder, 1 << 30); /* nothing is added any more */
    _exit(0);
  }
  for (int64_t until = now() + WAIT; child > 0 && !waitpid(child, NULL, WNOHANG) && now() < until;) usleep(5000);
  if (number <= 0) _exit(-number);
  signal(number, SIG_DFL); /* end by the signal, as programs do: a shell stops its loop then */
  raise(number);
  _exit(128 + number);
}

/* Start the guest in a thread, and wait for a signal: the guest ends the process when it is done. */
static void start(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  int number;
  signal(SIGPIPE, SIG_IGN);
  limit_process();
  sigaddset(&heard, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &heard, NULL);
  look_again(LOOK);
  if (pthread_attr_init(&attributes) || pthread_attr_setstacksize(&attributes, STACK) || pthread_create(&thread, &attributes, run, NULL)) give_up();
  for (;;) {
    if (sigwait(&heard, &number)) continue;
    if (number != SIGALRM) break;
    const char *reason = look();
    if (!reason) continue;
    pthread_mutex_lock(&ending);
    dprintf(2, "error: stopped: %s\n", reason);
    char status[16];
    snprintf(status, sizeof status, "%d", DISK_LIMIT);
    stop(status);
  }
  pthread_mutex_lock(&ending);
  if (number == SIGINT) dprintf(2, "interrupted\n");
  char end[16];
  snprintf(end, sizeof end, "-%d", number);
  stop(end);
}

/* Open what the caller closed of descriptors 0 to 2: see open_standard_streams in wenv/launcher/start.py. */
static void open_streams(void) {
  for (int number = 0; number < 3; number++)
    if (fcntl(number, F_GETFD) < 0) open("/dev/null", O_RDWR);
}

/* The fields of the script's second line: "#", the Python to hand over to, the start file, and what to run. */
static char *read_script(char **start_file) {
  static char head[3 * PATH_MAX + SMALL];
  int file = open(script, O_RDONLY | O_CLOEXEC);
  ssize_t size = file < 0 ? -1 : read(file, head, sizeof head - 1);
  char *at = size > 0 ? strchr(head, '\n') : NULL, *line = at ? at + 1 : "";
  char *end = strchr(line, '\n'), *name = NULL;
  if (file >= 0) close(file);
  if (end) *end = 0;
  if (starts(line, "#\t") && (python = strtok(line + 2, "\t")) && (*start_file = strtok(NULL, "\t"))) name = strtok(NULL, "\t");
  if (!name) {
    dprintf(2, "error: %s is not a script of an environment's\n", script);
    _exit(NOT_STARTED);
  }
  return name;
}

int main(int count, char **words) {
  char here[PATH_MAX], *start_file;
  if (count < 2) {
    dprintf(2, "usage: %s SCRIPT [ARGUMENT]...: the first line of the scripts in an environment's bin folder\n", words[0]);
    return NOT_STARTED;
  }
  open_streams();
  self = words[0];
  if (count == 4 && !strcmp(words[1], REMOVE)) remove_and_end(words[2], words[3]);
  script = words[1], arguments = words + 2;
  char *name = read_script(&start_file);
  if (!getcwd(here, sizeof here)) hand_over();
  char *plain = script;
  while (starts(plain, "./")) plain += 2;
  if (!is_plain(plain)) hand_over();
  char *whole = *plain == '/' ? plain : joined(here, plain), *bin = parent(whole), *folder = bin ? parent(bin) : NULL;
  read_records(start_file);
  if (!folder || strcmp(only('D'), folder)) hand_over(); /* moved, or reached through a link */
  if (!fits()) renew();
  if (next('U', NULL) || (next('M', NULL) && sysconf(_SC_PAGESIZE) != PAGE)) hand_over();
  choose_program(name, here);
  share(here), share(own_folder);
  told = request(here);
  utimensat(AT_FDCWD, start_file, NULL, 0); /* see wenv.environment.manifest.last_used */
  listen_to(SIG_BLOCK);
  if (!make_private()) hand_over();
  for (size_t i = 0; i < shared_count; i++) {
    if (!make_all("root", shared[i].guest)) give_up();
    if (starts(shared[i].guest, "/tmp/") && !make_all("tmp", shared[i].guest + 4)) give_up();
  }
  prepare();
  start();
}
