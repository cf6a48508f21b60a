/* Programs that a guest starts: its orders go to the process that keeps them (wenv/launcher/children.py). */

#include "launcher.h"

#include <spawn.h>
#include <sys/socket.h>

extern char **environ;

static int way = -1; /* to the keeper, or less */
static pid_t keeper;

static bool send_all(const char *data, size_t size) {
  while (size) {
    ssize_t sent = write(way, data, size);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    data += sent, size -= (size_t)sent;
  }
  return true;
}

static bool send_message(const char *data, size_t size) {
  unsigned char head[4] = {(unsigned char)size, (unsigned char)(size >> 8), (unsigned char)(size >> 16), (unsigned char)(size >> 24)};
  return send_all((char *)head, sizeof head) && send_all(data, size);
}

static bool read_all(char *data, size_t size) {
  while (size) {
    ssize_t got = read(way, data, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    data += got, size -= (size_t)got;
  }
  return true;
}

/* What the keeper is told: see Told in wenv/children/keeper.py. */
static Text description(void) {
  Text text = {0};
  char *registry = parent(plan_beside);
  add(&text, "{\"registry\":"), add_json(&text, registry ? registry : ""), add(&text, ",\"folder\":"), add_json(&text, only(RECORD_FOLDER));
  add(&text, ",\"root\":"), add_json(&text, private_root), add(&text, ",\"inherits\":true,\"bytes\":"), add(&text, image ? "true" : "false");
  add(&text, ",\"shared\":[");
  for (size_t i = 0; i < shared_count; i++) {
    if (i) add(&text, ",");
    add(&text, "["), add_json(&text, shared[i].host), add(&text, ","), add_json(&text, shared[i].guest), add(&text, ",false]");
  }
  add(&text, "],\"request\":"), add(&text, told), add(&text, "}");
  return text;
}

static bool start_keeper(void) {
  int ends[2];
  char number[16];
  posix_spawn_file_actions_t actions;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return false;
  way = ends[0];
  fcntl(ends[0], F_SETFD, FD_CLOEXEC), fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  snprintf(number, sizeof number, "%d", KEEPER_DESCRIPTOR);
  char *python = only(RECORD_PYTHON), *line[] = {python, "-IS", "-c", KEEPER, only(RECORD_PACKAGE), number, NULL};
  posix_spawnattr_t attributes;
  sigset_t none;
  sigemptyset(&none);
  bool fine = !posix_spawn_file_actions_init(&actions) && !posix_spawn_file_actions_adddup2(&actions, ends[1], KEEPER_DESCRIPTOR) &&
              !posix_spawnattr_init(&attributes) && !posix_spawnattr_setsigmask(&attributes, &none) &&
              !posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK) && !posix_spawn(&keeper, python, &actions, &attributes, line, environ);
  close(ends[1]);
  Text text = description();
  return fine && send_message(text.data, text.size);
}

/* The answer to an order; one that the keeper does not answer is refused. */
Text answered(const char *order, size_t size) {
  Text text = {0};
  char head[4];
  bool is_child = size >= sizeof CHILD_ORDER - 1 && !memcmp(order, CHILD_ORDER, sizeof CHILD_ORDER - 1);
  if (is_child && (way >= 0 || start_keeper()) && send_message(order, size) && read_all(head, sizeof head)) {
    size_t length = 0;
    for (int i = 3; i >= 0; i--) length = length << 8 | (unsigned char)head[i];
    char *data = length && length <= LARGEST_MESSAGE ? malloc(length) : NULL;
    if (data && read_all(data, length)) add_bytes(&text, data + 1, length - 1); /* the first byte says that it is an answer */
    free(data);
  }
  if (!text.data) add(&text, REFUSED);
  return text;
}

/* End all programs, and wait for that. */
void end_children(void) {
  if (way < 0) return;
  shutdown(way, SHUT_WR);
  if (keeper > 0) waitpid(keeper, NULL, 0);
}
