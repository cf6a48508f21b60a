/* Handing over to Python; the signals that end a run, which are blocked from before there is anything to clean up. */

#include "launcher.h"

sigset_t heard;
char *python, *script, **arguments, **instead;

void listen_to(int how) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  static sigset_t before; /* signals that the caller has blocked stay so */
  static bool is_known;
  struct sigaction action;
  if (how == SIG_UNBLOCK) {
    if (is_known) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return;
  }
  is_known = !pthread_sigmask(SIG_BLOCK, NULL, &before);
  sigemptyset(&heard);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (!sigaction(numbers[i], NULL, &action) && action.sa_handler != SIG_IGN && !sigismember(&before, numbers[i])) sigaddset(&heard, numbers[i]);
  pthread_sigmask(SIG_BLOCK, &heard, NULL);
}

static void become(char *program, char **line) {
  listen_to(SIG_UNBLOCK);
  execv(program, line);
  dprintf(2, "error: cannot start %s: %s\n", program, strerror(errno));
  _exit(NOT_STARTED);
}

void hand_over(void) {
  int count = 0;
  if (instead) become(instead[0], instead);
  while (arguments[count]) count++;
  char **line = calloc((size_t)count + 4, sizeof *line);
  if (!line) _exit(NOT_STARTED);
  line[0] = python, line[1] = "-IS", line[2] = script;
  memcpy(line + 3, arguments, (size_t)count * sizeof *line);
  become(python, line);
}

/* The start file is not what the environment needs now: Python is to make it anew. */
void renew(void) {
  setenv("WENV_START_FILE_IS_STALE", "1", 1);
  hand_over();
}
