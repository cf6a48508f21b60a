/* Limits of disk and open files: see wenv/launcher/limits.py. */

#include "launcher.h"

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

void limit_process(void) {
  char *end;
  bounds.disk = strtoull(only(RECORD_LIMITS), &end, 10), bounds.files = strtoull(end, &end, 10), bounds.open_files = strtoull(end, &end, 10);
  first_descriptor = lowest_free();
  started = (int64_t)time(NULL);
  allow_open_files((uint64_t)first_descriptor + bounds.open_files + SLACK);
  signal(SIGXFSZ, SIG_IGN);
  if (!is_file(1) && !is_file(2)) limit_file_size(bounds.disk);
}

void look_again(int64_t microseconds) {
  if (!microseconds) signal(SIGALRM, SIG_IGN); /* also one that waits to be heard: it would end the process when it is let through */
  struct itimerval timer = {.it_value = {.tv_sec = (time_t)(microseconds / 1000000), .tv_usec = (suseconds_t)(microseconds % 1000000)}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* Why the guest must be stopped, NULL if it need not. */
const char *look(void) {
  static const char *const places[] = {"tmp", "dev", "private"};
  static int elusive;
  static char reason[160];
  int last = first_descriptor + (int)bounds.open_files + SLACK + MEASURING;
  int64_t before = now(), pause;
  Usage found = {.whole = true};
  allow_open_files((uint64_t)last);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) measure(joined(private_root, places[i]), &found, &bounds, 0);
  for (char *host = next(RECORD_WRITE, NULL); host; host = next(RECORD_WRITE, host)) measure(host, &found, &bounds, started);
  found.size += unnamed_size(first_descriptor, last);
  allow_open_files((uint64_t)(last - MEASURING));
  elusive = found.whole ? 0 : elusive + 1;
  if (found.size > bounds.disk)
    snprintf(reason, sizeof reason, TOO_LARGE, (unsigned long long)bounds.disk);
  else if (found.files > bounds.files)
    snprintf(reason, sizeof reason, TOO_MANY, (unsigned long long)bounds.files);
  else if (elusive > ELUSIVE) snprintf(reason, sizeof reason, TOO_ELUSIVE);
  pause = now() - before;
  look_again(pause > LOOK ? pause : LOOK);
  return *reason ? reason : NULL;
}
