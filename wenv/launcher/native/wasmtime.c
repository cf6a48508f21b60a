/* wasmtime's C library, opened when a program starts. */

#include "launcher.h"

#define DEFINED(result, name, arguments) result(*name) arguments;
FUNCTIONS(DEFINED)

bool load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return false;
#define FOUND(result, name, arguments)                                                                                                               \
  if (!(*(void **)&name = dlsym(library, #name))) return false;
  FUNCTIONS(FOUND)
  return true;
}
