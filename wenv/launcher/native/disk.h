/* What a program keeps on the disk: measured while it runs, deleted afterwards.  See wenv/launcher/limits.py and removal.py. */

#ifndef WENV_DISK_H
#define WENV_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "agreed.h"

/* Bytes and number of files in private folders, files open at once. */
typedef struct {
  uint64_t disk, files, open_files;
} Bounds;

/* What was found; `whole` is whether all could be looked at. */
typedef struct {
  uint64_t size, files;
  bool whole;
} Usage;

/* Add what is in a folder to `found`, of files only those changed since a time (seconds); ends beyond a bound. */
void measure(const char *folder, Usage *found, const Bounds *bounds, int64_t since);

/* Bytes of open files, of these descriptors, that have no name any more. */
uint64_t unnamed_size(int first, int last);

/* Set the soft limit of open descriptors; all that the system allows for 0. */
void allow_open_files(uint64_t count);

/* No file grows beyond so many bytes from now on. */
void limit_file_size(uint64_t size);

/* Delete a folder and all in it, never through a link, however deep it is; for so many seconds at most. */
void remove_tree(const char *folder, long seconds);

#endif
