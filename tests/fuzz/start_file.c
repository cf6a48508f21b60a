/* A fuzzer of the native launcher: whatever a script, a start file and a memory image hold, nothing is read or written beyond
   its bounds, and the launcher hands over or starts.

   All of it runs, `main` included; what it asks of the system and of wasmtime is answered here, so nothing is started and
   no file is touched.  An input is

       FLAG WORD 0x1F WORD ... 0x1E SECOND-LINE-OF-THE-SCRIPT 0x1E RECORDS 0x1E IMAGE

   where FLAG is one character, whose bits are below; records end with a newline, which becomes a zero byte, and get their
   checksum here.  Paths with "there" in them exist: as links, folders or files of one byte that were changed after two
   nanoseconds. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
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
#include <unistd.h>

/* Of the flag: the streams are a terminal; the working folder is "/"; the records have their checksum already; the guest's
   memory need not grow; the image is as long as it is, and not made up to some pages. */
enum { TERMINAL = 1, AT_ROOT = 2, OWN_CHECKSUM = 4, LARGE = 8, OWN_SIZE = 16 };
enum { MOST = 4096, UNITS = 4, SCRIPT = 3 * PATH_MAX + 1023 };

static unsigned flag;
static jmp_buf over;
static __attribute__((noreturn)) void leave(void) { longjmp(over, 1); }

/* -- what the launcher takes and never gives back, as its process is short */

static void *kept[MOST * 16], *mapped[MOST];
static size_t sizes[MOST], kept_count, mapped_count;
static int opened[MOST];
static size_t opened_count;

static void *keep(void *block) {
  if (kept_count == sizeof kept / sizeof *kept) abort();
  if (block) kept[kept_count++] = block;
  return block;
}

static void forget(void *block) {
  for (size_t i = kept_count; i; i--)
    if (kept[i - 1] == block) {
      kept[i - 1] = kept[--kept_count];
      return;
    }
}

static void *again(void *block, size_t size) {
  forget(block);
  return keep(realloc(block, size));
}

static void give_back(void *block) {
  forget(block);
  free(block);
}

static void clean(void) {
  while (kept_count) free(kept[--kept_count]);
  while (mapped_count--) munmap(mapped[mapped_count], sizes[mapped_count]);
  while (opened_count) close(opened[--opened_count]);
  mapped_count = 0;
}

/* -- the system, as the launcher sees it */

static int script_file, records_file, image_file;
static char memory[2 * UNITS << 16] __attribute__((aligned(1 << 16)));

static int status_of(const char *path, struct stat *status) {
  memset(status, 0, sizeof *status);
  if (!strstr(path, "there")) return errno = ENOENT, -1;
  status->st_mode = strstr(path, "link") ? S_IFLNK : strstr(path, "folder") ? S_IFDIR : S_IFREG;
  status->st_size = 1, status->st_mtim.tv_nsec = 2, status->st_ino = 3;
  return 0;
}

static int opened_as(const char *path, int flags) {
  int chosen = !strcmp(path, "/there/bin/script") ? script_file : !strcmp(path, "/records") ? records_file : image_file;
  if (flags & (O_CREAT | O_RDWR) || !strcmp(path, "/dev/null")) return 2;
  if (chosen == image_file && !strstr(path, "there")) return errno = ENOENT, -1;
  int descriptor = dup(chosen);
  lseek(descriptor, 0, SEEK_SET);
  return opened[opened_count++] = descriptor;
}

static int closed(int descriptor) {
  for (size_t i = 0; i < opened_count; i++)
    if (opened[i] == descriptor) {
      opened[i] = opened[--opened_count];
      return close(descriptor);
    }
  return 0;
}

static void *mapped_at(void *place, size_t size, int how, int flags, int file, off_t at) {
  if (flags & MAP_FIXED) { /* what an image puts into the guest's memory must lie in it */
    char *end = memory + sizeof memory;
    if ((char *)place < memory || (char *)place > end || size > (size_t)(end - (char *)place)) abort();
    return place;
  }
  void *found = mmap(place, size, how, flags, file, at);
  if (found != MAP_FAILED) mapped[mapped_count] = found, sizes[mapped_count++] = size;
  return found;
}

static char *working_folder(char *text, size_t size) {
  snprintf(text, size, flag & AT_ROOT ? "/" : "/there/work folder");
  return text;
}

static int window(struct winsize *size) {
  *size = (struct winsize){.ws_col = 100, .ws_row = 30};
  return 0;
}

static __attribute__((noreturn)) void ended_with(const char *program) {
  if (!*program) abort();
  leave();
}

static void *symbol(const char *name);

/* -- the launcher */

#define main launcher
#define malloc(size) keep(malloc(size))
#define calloc(count, size) keep(calloc(count, size))
#define realloc again
#define free give_back
#undef strdup
#undef strndup
#define strdup(text) keep(strdup(text))
#define strndup(text, size) keep(strndup(text, size))
#define stat(path, status) status_of(path, status)
#define lstat(path, status) status_of(path, status)
#define open(path, flags, ...) opened_as(path, flags)
#define close closed
#define mmap mapped_at
#define mkdir(path, mode) (*(path) ? 0 : -1)
#define mkdtemp(path) (path)
#define rmdir(path) 0
#define unlink(path) 0
#define utimensat(folder, path, times, flags) 0
#define getcwd working_folder
#define isatty(descriptor) (flag & TERMINAL)
#define ioctl(descriptor, what, size) window(size)
#define dlopen(path, flags) (*(path) ? (void *)memory : NULL)
#define dlsym(library, name) symbol(name)
#define setenv(name, value, replace) 0
#define signal(number, action) 0
#define setitimer(which, timer, before) 0
#define pthread_sigmask(how, set, before) 0
#define pthread_create(thread, attributes, function, argument) ((function)(argument), 1)
#define execv(path, ...) ended_with(path)
#define dprintf(...) 0
#define _exit(status) ((void)(status), leave())
#include "text.c"
/* A guest that is not run starts no programs. */
Text answered(const char *order, size_t size) {
  (void)order, (void)size;
  return (Text){0};
}
void end_children(void) {}
#include "hand_over.c"
#include "plan.c"
#include "program.c"
#include "private_folders.c"
#include "request.c"
#include "wasmtime.c"
#include "ending.c"
#include "module.c"
#include "component.c"
#include "limits.c"
#include "command.c"
#include "start.c"
#undef main
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef open
#undef close
#undef mmap

/* What disk.c has: the launcher's own reading ends there. */
void measure(const char *folder, Usage *found, const Bounds *limits, int64_t since) { (void)folder, (void)found, (void)limits, (void)since; }
uint64_t unnamed_size(int first, int last) { return (uint64_t)(last - first); }
void allow_open_files(uint64_t count) { (void)count; }
void limit_file_size(uint64_t size) { (void)size; }
void remove_tree(const char *folder, long seconds) { (void)folder, (void)seconds; }

/* -- wasmtime's C library: takes everything */

static void *nothing(void) { return NULL; }
static void *something(void) { return memory; }
static bool yes(void) { return true; }

static bool preopen(void *config, const char *host, const char *guest, bool writable) {
  (void)config, (void)writable;
  return strlen(host) && strlen(guest);
}

static uint64_t memory_size(void *store, void *of) { return (void)store, (void)of, flag & LARGE ? 2 * UNITS : UNITS; }
static void *memory_grow(void *store, void *of, uint64_t more, uint64_t *before) {
  (void)store, (void)of;
  *before = UNITS;
  return more > UNITS ? memory : NULL; /* an error */
}
static char *memory_data(void *store, void *of) { return (void)store, (void)of, memory; }
static void error_message(void *error, Bytes *message) {
  (void)error;
  *message = (Bytes){4, "full"};
}
static bool no_status(void *error, int *status) { return (void)error, (void)status, false; }

static void *symbol(const char *name) {
  static const struct { const char *name; void *(*function)(void); } known[] = {
    {"wasi_config_preopen_dir", (void *(*)(void))preopen},
    {"wasmtime_memory_size", (void *(*)(void))memory_size},
    {"wasmtime_memory_grow", (void *(*)(void))memory_grow},
    {"wasmtime_memory_data", (void *(*)(void))memory_data},
    {"wasmtime_error_message", (void *(*)(void))error_message},
    {"wasmtime_error_exit_status", (void *(*)(void))no_status},
    {"wasmtime_instance_export_get", (void *(*)(void))yes},
    {"wasmtime_component_instance_get_func", (void *(*)(void))yes},
    {"wasmtime_component_instance_get_export_index", something},
    {"wasi_config_set_argv", (void *(*)(void))yes},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(name, known[i].name)) return (void *)known[i].function;
  return (void *)(strstr(name, "_new") ? something : nothing);
}

/* -- one input */

/* The next part of the input, a text of its own size so that reading beyond it is seen; the last takes what is left. */
static char *part(const char **at, const char *end, bool last, size_t *size) {
  const char *stop = last ? NULL : memchr(*at, 0x1E, (size_t)(end - *at));
  *size = (size_t)((stop ? stop : end) - *at);
  char *found = keep(calloc(*size + 1, 1));
  memcpy(found, *at, *size);
  *at = stop ? stop + 1 : end;
  return found;
}

static void fill(int file, const char *data, size_t size) {
  if (ftruncate(file, 0) || pwrite(file, data, size, 0) != (ssize_t)size) abort();
}

static void prepare_files(const char *line, const char *image_data, size_t image_size, char *text, size_t size) {
  static char content[SCRIPT];
  memset(content, 0, sizeof content); /* the launcher's buffer has what the input before left */
  snprintf(content, sizeof content, "#!/launcher\n#\t%s\n", line);
  fill(script_file, content, sizeof content);
  fill(image_file, image_data, image_size);
  if (!(flag & OWN_SIZE) && ftruncate(image_file, (off_t)(image_size / 4096 + 6) * 4096)) abort();
  for (size_t i = 0; i < size; i++)
    if (text[i] == '\n') text[i] = 0;
  char *whole = keep(malloc(size + 11));
  memcpy(whole, text, size);
  if (!(flag & OWN_CHECKSUM)) size += (size_t)snprintf(whole + size, 11, "#%08x", (unsigned)crc32(text, size)) + 1;
  fill(records_file, whole, size);
}

static void begin(void) {
  script_file = memfd_create("script", 0), records_file = memfd_create("records", 0), image_file = memfd_create("image", 0);
  putenv("LINES=7");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *at = (const char *)data + 1, *end = (const char *)data + size;
  char *words[MOST + 1] = {"start", "/there/bin/script"}; /* the launcher writes into it */
  size_t count = 2, words_size, line_size, records_size, image_size;
  if (!size) return 0;
  if (!script_file) begin();
  flag = *data;
  char *text = part(&at, end, false, &words_size), *line = part(&at, end, false, &line_size);
  char *content = part(&at, end, false, &records_size), *mapped_image = part(&at, end, true, &image_size);
  if (words_size)
    for (char *word = text; word && count < MOST; count++) {
      words[count] = word;
      if ((word = strchr(word, 0x1F))) *word++ = 0;
    }
  words[count] = NULL;
  prepare_files(line, mapped_image, image_size, content, records_size);
  records = records_end = NULL, form = target = directory = NULL, given = NULL;
  own_folder = private_root = python = script = told = image = NULL;
  made = NULL, made_count = shared_count = 0;
  pthread_mutex_init(&ending, NULL);
  if (!setjmp(over)) launcher((int)count, words);
  clean();
  return 0;
}

#ifdef REPLAY
/* Without libFuzzer: read each of the files that are named. */
int main(int count, char **names) {
  for (int i = 1; i < count; i++) {
    struct stat status;
    int file = (open)(names[i], O_RDONLY);
    if (file < 0 || fstat(file, &status)) return 1;
    uint8_t *data = (malloc)((size_t)status.st_size + 1);
    if (read(file, data, (size_t)status.st_size) != status.st_size) return 1;
    LLVMFuzzerTestOneInput(data, (size_t)status.st_size);
    (free)(data), (close)(file);
  }
  (printf)("%d read\n", count - 1);
  return 0;
}
#endif
