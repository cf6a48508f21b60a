/* Runs a program in an environment, with nothing between the system and wasmtime's C library.

   The scripts in an environment's bin folder name this program as their interpreter.  It knows one way only, the one that is
   taken most: a program that is given what every program is given.  For everything else, and whenever something is not as the
   start file says, it hands over to Python, which the script's second line names, and which comes to the same result 10 ms
   later (wenv/launcher/start.py).  wenv/run/start_file.py says what a start file holds. */

#include "launcher.h"

/* What this program is called with to delete a folder: no script has such a path. */
static char REMOVE[] = "--remove", REMOVER[] = "wenv-remove";

/* Bytes of a guest's thread beyond the stack for WebAssembly.  Microseconds that the end of a command waits for the deleting. */
enum { OWN_STACK = 2 << 20, WAIT = 3000000 };

static size_t stack;
const char *plan_beside;

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
  if (!load(only(RECORD_LIBRARY))) give_up();
  choose(&component, &image);
  config = wasm_config_new();
  if (image) wasmtime_config_wasm_exceptions_set(config, true);
  else wasmtime_config_wasm_component_model_set(config, true);
  stack = (size_t)strtoull(only(RECORD_STACK), NULL, 10);
  wasmtime_config_async_stack_size_set(config, stack);
  wasmtime_config_max_wasm_stack_set(config, stack);
  engine = wasm_engine_new_with_config(config);
  if (image) {
    if (!prepare_module(engine, component)) give_up();
  } else {
    if (wasmtime_component_deserialize_file(engine, component, &compiled)) give_up();
    linker = wasmtime_component_linker_new(engine);
    if (wasmtime_component_linker_add_wasip2(linker) || !take_orders()) give_up();
  }
  context = wasmtime_store_context(wasmtime_store_new(engine, NULL, NULL));
  wasi = wasi_config_new();
  wasi_config_set_argv(wasi, 1, (const char *[]){"python"});
  wasi_config_inherit_stdin(wasi), wasi_config_inherit_stdout(wasi), wasi_config_inherit_stderr(wasi);
  for (char *host = next(RECORD_READ, NULL); host; host = next(RECORD_READ, host))
    if (!wasi_config_preopen_dir(wasi, host, half(RECORD_READ_AS, host), false)) give_up();
  for (char *host = next(RECORD_WRITE, NULL); host; host = next(RECORD_WRITE, host))
    if (!wasi_config_preopen_dir(wasi, host, half(RECORD_WRITE_AS, host), true)) give_up();
  for (size_t i = 0; i < shared_count; i++)
    if (!wasi_config_preopen_dir(wasi, shared[i].host, shared[i].guest, false)) give_up();
  for (char *name = next(RECORD_OWN, NULL); name; name = next(RECORD_OWN, name)) {
    char *guest = half(RECORD_OWN_AS, name);
    if (!wasi_config_preopen_dir(wasi, joined(private_root, name), guest, strcmp(guest, "/"))) give_up();
  }
  if (wasmtime_context_set_wasi(context, wasi)) give_up();
}

static char *self; /* the path of this program */

/* End the guest by replacing this process, whatever its threads are doing, by one that deletes the folders and ends as `end`
   says, a status or the number of a signal after a minus: `remove_and_end`. */
static void stop(const char *end) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  look_again(0);
  end_children();
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) signal(numbers[i], SIG_IGN);
  pthread_sigmask(SIG_UNBLOCK, &heard, NULL);
  execv(self, (char *[]){REMOVER, REMOVE, private_root, (char *)end, NULL});
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
  if (pthread_attr_init(&attributes) || pthread_attr_setstacksize(&attributes, stack + OWN_STACK) || pthread_create(&thread, &attributes, run, NULL)) give_up();
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

/* The second line has "#", the Python, the start file, and what to run. */
char *read_script(char **start_file) {
  static char head[3 * PATH_MAX + SMALL];
  int file = open(script, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (instead ? O_NOFOLLOW : 0));
  struct stat status;
  bool is_file = file >= 0 && !fstat(file, &status) && S_ISREG(status.st_mode);
  ssize_t size = is_file ? read(file, head, sizeof head - 1) : -1;
  char *at = size > 0 ? strchr(head, '\n') : NULL, *line = at ? at + 1 : "";
  char *end = strchr(line, '\n'), *name = NULL;
  if (file >= 0) close(file);
  if (end) *end = 0;
  if (starts(line, "#\t") && (python = strtok(line + 2, "\t")) && (*start_file = strtok(NULL, "\t"))) name = strtok(NULL, "\t");
  if (!name) {
    if (instead) hand_over();
    dprintf(2, "error: %s is not a script of an environment's\n", script);
    _exit(NOT_STARTED);
  }
  return name;
}

/* Run a program in the environment whose records have been read. */
static void run_here(char *name, char *here, const char *start_file) {
  if (!fits()) renew();
  if (next(RECORD_UNUSUAL, NULL) || (next(RECORD_MEMORY, NULL) && sysconf(_SC_PAGESIZE) != PAGE)) hand_over();
  choose_program(name, here);
  share(here), share(own_folder);
  told = request(here), plan_beside = start_file;
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

/* Whether this program is installed as the command, whatever link it was called by. */
static bool is_command(void) {
  const char *slash = self ? strrchr(self, '/') : NULL;
  return slash && !strcmp(slash + 1, "wenv");
}

int main(int count, char **words) {
  char here[PATH_MAX], *start_file, *folder, *name;
  open_streams();
  if (count == 4 && !strcmp(words[0], REMOVER) && !strcmp(words[1], REMOVE)) remove_and_end(words[2], words[3]);
  self = own_path();
  if (is_command()) {
    name = run_words(self, words, getcwd(here, sizeof here) ? here : NULL, &folder, &start_file);
    read_records(start_file);
    if (strcmp(only(RECORD_FOLDER), folder)) hand_over();
    python = only(RECORD_PYTHON);
    /* a console script, or what Python's own command line may hold */
    bool is_script = name && console_script(name);
    if (is_script) arguments++;
    run_here(is_script ? name : "python", here, start_file);
  }
  if (count < 2) {
    dprintf(2, "usage: %s SCRIPT [ARGUMENT]...: the first line of the scripts in an environment's bin folder\n", words[0]);
    return NOT_STARTED;
  }
  if (!self) self = words[0];
  script = words[1], arguments = words + 2;
  name = read_script(&start_file);
  if (!getcwd(here, sizeof here)) hand_over();
  char *plain = script;
  while (starts(plain, "./")) plain += 2;
  if (!is_plain(plain)) hand_over();
  char *whole = *plain == '/' ? plain : joined(here, plain), *bin = parent(whole);
  folder = bin ? parent(bin) : NULL;
  read_records(start_file);
  if (!folder || strcmp(only(RECORD_FOLDER), folder)) hand_over(); /* moved, or reached through a link */
  run_here(name, here, start_file);
}
