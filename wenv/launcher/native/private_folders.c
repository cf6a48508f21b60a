/* Folders that exist for one run: see wenv/launcher/private_folders.py. */

#include "launcher.h"

/* Seconds for which to delete what an ended guest left. */
enum { PATIENCE = 600 };

/* Empty files in them. */
static const char *const files[] = {"dev/null", "root" INTERPRETER};

char *private_root;
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
bool make_all(const char *below, const char *guest) {
  char *path = joined(below, guest + 1);
  for (char *at = path + strlen(below) + 1; (at = strchr(at, '/')); at++) {
    *at = 0;
    if (!make(path)) return false;
    *at = '/';
  }
  return make(path);
}

bool make_private(void) {
  static const char *const places[] = {"TMPDIR", "TEMP", "TMP"};
  const char *place = NULL;
  for (size_t i = 0; i < sizeof places / sizeof *places && (!place || !*place); i++) place = getenv(places[i]);
  if (!place || !*place) place = "/tmp";
  if (*place != '/' || !(private_root = mkdtemp(joined(place, "wenv-run-XXXXXX")))) return false;
  for (char *folder = next(RECORD_PRIVATE, NULL); folder; folder = next(RECORD_PRIVATE, folder))
    if (!make(folder)) return false;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    int file = open(joined(private_root, files[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    if (file < 0 || close(file)) return false;
  }
  return true;
}

void remove_private(void) {
  end_children();
  if (!private_root) return;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) unlink(joined(private_root, files[i]));
  for (size_t i = made_count; i; i--) rmdir(made[i - 1]);
  if (!rmdir(private_root)) return;
  allow_open_files(0);
  remove_tree(private_root, PATIENCE); /* the guest left something */
}

/* Before the guest has started: leave no trace, and hand over. */
void give_up(void) {
  remove_private();
  renew();
}

/* What the guest gave to os._exit, or -1.  It may have put anything there. */
int left_status(void) {
  char text[SMALL + 1] = "", *end;
  struct stat status;
  int file = open(joined(private_root, "private/exit-status"), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) || !S_ISREG(status.st_mode) || read(file, text, SMALL) <= 0) return -1;
  long value = strtol(text, &end, 10);
  return end == text || *end ? -1 : (int)(value & 0xFF);
}
