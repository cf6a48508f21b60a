/* How a run ends: what stopped the guest, in Python's words, and its status. */

#include "launcher.h"

void *linker, *compiled, *context;
char *told, *image;
pthread_mutex_t ending = PTHREAD_MUTEX_INITIALIZER;

/* Python has the words for what stopped a guest. */
static void explain(const char *message) {
  char *code = "import sys; sys.path.append(sys.argv[1]); from wenv.launcher.start import explain; explain(sys.argv[2])";
  look_again(0);
  listen_to(SIG_UNBLOCK);
  execv(python, (char *[]){python, "-IS", "-c", code, only(RECORD_PACKAGE), (char *)message, NULL});
  dprintf(2, "error: %s\n", message);
  _exit(NOT_STARTED);
}

void check(void *error) {
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

void check_trap(void *error, void *trap) {
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
