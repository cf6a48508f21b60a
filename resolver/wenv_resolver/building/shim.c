/* The runtime's C++ library is built without exceptions: it lacks the functions that throw and catch.  Extensions that throw
   link with these; a throw that happens ends the sandbox, with a sentence. */

#include <stdio.h>
#include <stdlib.h>

#define WEAK __attribute__((weak, visibility("hidden")))

static _Noreturn void stop(void) {
    fputs("an extension module threw a C++ exception, which this platform cannot catch\n", stderr);
    abort();
}

WEAK void *__cxa_allocate_exception(unsigned long size) { return malloc(size + 64); }
WEAK void __cxa_free_exception(void *exception) { free(exception); }
WEAK void __cxa_throw(void *exception, void *type, void *destroy) { stop(); }
WEAK void __cxa_rethrow(void) { stop(); }
WEAK void *__cxa_begin_catch(void *exception) { return exception; }
WEAK void __cxa_end_catch(void) {}
