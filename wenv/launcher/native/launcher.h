/* What the files of the native launcher have in common. */

#ifndef WENV_LAUNCHER_H
#define WENV_LAUNCHER_H

#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE

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

#include "disk.h"
#include "agreed.h"

/* Bytes that are read of a file that a guest wrote. */
enum { SMALL = 1024 };

/* -- text.c */

typedef struct {
  char *data;
  size_t size, room;
} Text;

void add_bytes(Text *text, const char *data, size_t size);
void add(Text *text, const char *more);
/* A text as JSON.  One that is not UTF-8 is handed over. */
void add_json(Text *text, const char *value);
char *joined(const char *folder, const char *name);
bool starts(const char *text, const char *with);
/* Whether a guest path is a folder or lies in it. */
bool is_inside(const char *path, const char *folder);

/* -- hand_over.c */

/* Signals that end a run. */
extern sigset_t heard;
/* What Python would be given: of a script in an environment's bin folder; or, if it is not NULL, `instead`, a whole command line. */
extern char *python, *script, **arguments, **instead;

/* Block these signals, or let them through: see pthread_sigmask(3). */
void listen_to(int how);
/* Become Python, which runs the same program. */
void hand_over(void);
/* The same, and have it make the start file anew. */
void renew(void);

/* -- wasmtime.c */

/* Open the library, and find all functions in it. */
bool load(const char *path);

/* -- start.c */

/* The start file, beside which the launch plan lies. */
extern const char *plan_beside;

/* Read a script: the Python to hand over to, the start file, and what to run, which is returned. */
char *read_script(char **start_file);

/* -- command.c */

/* The path of this program; NULL if it cannot be told. */
char *own_path(void);
/* As the command `wenv`, which lies at `own`: the environment's folder, the start file, and the program to run; hands over what
   needs Python. */
char *run_words(const char *own, char **words, const char *here, char **folder, char **start_file);

/* -- plan.c */

/* Read the start file; hands over if it is damaged. */
void read_records(const char *path);
/* The next text of a kind after `after`, or the first one; NULL if there is none. */
char *next(char kind, const char *after);
/* The first text of a kind; hands over if there is none. */
char *only(char kind);
/* Whether everything is still as it was when the start file was written. */
bool fits(void);
/* Whether a variable is as "NAME=VALUE" says, or, without "=", not set. */
bool is_set_so(const char *wanted);

/* -- program.c */

extern const char *form, *target;
/* The program's arguments; a host folder that it is to see besides the working folder. */
extern char **given, *own_folder;

/* Whether a path is written as plainly as it can be: no empty part, no dots. */
bool is_plain(const char *path);
char *parent(const char *path);
char *guest_path(const char *host);
/* The entry point of a console script; NULL if there is none of this name. */
const char *console_script(const char *name);
void choose_program(char *name, const char *here);
/* Whether a file may say itself what it needs: see may_have_block in wenv/launcher/program.py. */
bool may_have_block(const char *path);

/* -- private_folders.c */

extern char *private_root;

bool make_private(void);
bool make_all(const char *below, const char *guest);
void remove_private(void);
/* Before the guest has started: leave no trace, and hand over. */
void give_up(void);
/* What the guest gave to os._exit, or -1. */
int left_status(void);

/* -- request.c */

typedef struct {
  char *host, *guest;
} Folder;
extern Folder shared[2];
extern size_t shared_count;

void share(char *host);
/* What to load: component and memory image. */
void choose(char **component, char **image);
char *request(const char *here);

/* -- ending.c */

extern void *linker, *compiled, *context;
/* The request; the memory image of a module, else NULL. */
extern char *told, *image;
/* Taken once, by who ends the process. */
extern pthread_mutex_t ending;

/* End the process if there is an error, or a trap, with what it means. */
void check(void *error);
void check_trap(void *error, void *trap);

/* -- module.c, component.c */

bool prepare_module(void *engine, const char *component);
int run_module(void);
/* Have what a component orders of its host answered. */
bool take_orders(void);
int run_component(void);

/* -- children.c */

/* The answer to what a guest orders of its host: it may start programs, and nothing else. */
Text answered(const char *order, size_t size);
/* End the programs that were started, and wait for that. */
void end_children(void);

/* -- limits.c */

void limit_process(void);
void look_again(int64_t microseconds);
/* Why the guest must be stopped, NULL if it need not. */
const char *look(void);
int64_t now(void);

#endif
