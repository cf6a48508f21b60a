"""The C++ library that modules are linked with: zig's own sources, with exceptions, position independent.

The runtime's C++ library is built without exceptions, so each module that is written in C++ has a library of its own, in which
everything is hidden: an inline namespace that no other library has keeps apart what is declared in headers.  It is made (a
minute of one core) when the first such module is linked on a machine, and kept beside what the compiler keeps for itself.

Exceptions and setjmp are those of the WebAssembly standard (``try_table``); a clang of version 22 writes an older encoding
unless it is told.  Position-independent objects only import the tags of exceptions: each module defines its own (TAGS).

Runs under a bare interpreter: it imports nothing but the standard library.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

#: For C and C++, in both steps of compiling; setjmp is made of exceptions.
EXCEPTIONS = ("-mexception-handling", "-mllvm", "-wasm-enable-sjlj", "-mllvm", "-wasm-use-legacy-eh=false")
#: For C: the C library's setjmp.h refuses without it.
C = ("-D__wasm_exception_handling__=1", "-Wno-macro-redefined")
#: For C++: as the library is made.  Zig's headers leave out mutexes (threads cannot be started, but their kin are there) and
#: files, and with them <fstream>.
CXX = (
    "-D_LIBCPP_ABI_VERSION=2",
    "-D_LIBCPP_ABI_NAMESPACE=__wenv",
    "-U_LIBCPP_HAS_THREADS",
    "-D_LIBCPP_HAS_THREADS=1",
    "-D_LIBCPP_HAS_THREAD_API_PTHREAD=1",
    "-U_LIBCPP_HAS_FILESYSTEM",
    "-D_LIBCPP_HAS_FILESYSTEM=1",
    "-Wno-macro-redefined",
    "-fwasm-exceptions",
)
#: What an object of C++ names: what is thrown, allocated and inherited, and the library's namespace.
NAMES = re.compile(rb"__cxa_(throw|rethrow|begin_catch|guard_acquire|pure_virtual|atexit)|_Zn[aw]|_Zd[al]|__gxx_|_ZTV|6__wenv")
TAGS = """\
\t.tagtype __cpp_exception i32
\t.hidden __cpp_exception
\t.globl __cpp_exception
__cpp_exception:
\t.tagtype __c_longjmp i32
\t.hidden __c_longjmp
\t.globl __c_longjmp
__c_longjmp:
"""
#: What LLVM's lowering of setjmp calls (the ABI of WebAssembly's tool conventions).
SETJMP = """\
#include <stddef.h>
#include <stdint.h>

struct thrown { void *buffer; int value; };
struct buffer { void *invocation; uint32_t label; struct thrown thrown; };
#define HIDDEN __attribute__((visibility("hidden")))
#define TAG_OF_LONGJMP 1

HIDDEN void __wasm_setjmp(void *at, uint32_t label, void *invocation) {
  struct buffer *buffer = at;
  if (!label || !invocation) __builtin_trap();
  buffer->invocation = invocation;
  buffer->label = label;
}

HIDDEN uint32_t __wasm_setjmp_test(void *at, void *invocation) {
  struct buffer *buffer = at;
  if (!buffer->label || !invocation) __builtin_trap();
  return buffer->invocation == invocation ? buffer->label : 0;
}

HIDDEN _Noreturn void __wasm_longjmp(void *at, int value) {
  struct thrown *thrown = &((struct buffer *)at)->thrown;
  thrown->buffer = at;
  thrown->value = value ? value : 1;
  __builtin_wasm_throw(TAG_OF_LONGJMP, thrown);
}
"""
#: How all of it is compiled.
_COMMON = (
    "-target", "wasm32-wasi", "-O2", "-DNDEBUG", "-fPIC", "-fvisibility=hidden", "-fno-sanitize=undefined", "-g0", "-w",
    "-D_GNU_SOURCE", "-D_WASI_EMULATED_SIGNAL", "-D_WASI_EMULATED_PROCESS_CLOCKS", "-D_WASI_EMULATED_GETPID",
    "-D_WASI_EMULATED_MMAN", *EXCEPTIONS,
)  # fmt: skip
_LIBRARY = (
    "-std=c++23", "-D_LIBCPP_BUILDING_LIBRARY", "-D_LIBCXXABI_BUILDING_LIBRARY", "-DLIBCXX_BUILDING_LIBCXXABI",
    "-DHAVE___CXA_THREAD_ATEXIT_IMPL", "-D_LIBCPP_DISABLE_VISIBILITY_ANNOTATIONS",
    "-D_LIBCXXABI_DISABLE_VISIBILITY_ANNOTATIONS", "-fvisibility-global-new-delete=force-hidden",
)  # fmt: skip
_ABI = (
    "abort_message", "cxa_aux_runtime", "cxa_default_handlers", "cxa_demangle", "cxa_exception", "cxa_exception_storage",
    "cxa_guard", "cxa_handlers", "cxa_personality", "cxa_thread_atexit", "cxa_vector", "cxa_virtual", "fallback_malloc",
    "private_typeinfo", "stdlib_exception", "stdlib_new_delete", "stdlib_stdexcept", "stdlib_typeinfo",
)  # fmt: skip
#: The C library is musl's, without what musl has for files since Linux 4.5.
_FILES = ("-U_LIBCPP_HAS_MUSL_LIBC", "-D_LIBCPP_HAS_MUSL_LIBC=0")
#: Of libc++'s sources: what needs a database of time zones, 128-bit numbers of another run-time library, or is obsolete.
_LEFT_OUT = re.compile(r"strstream|tzdb|time_zone|log_hardening|int128")


def is_cxx(files: Iterable[str]) -> bool:
    """Whether one of the objects and archives is written in C++."""
    return any(NAMES.search(Path(file).read_bytes()) for file in files if Path(file).is_file())


def library(zig: str, place: str) -> str:
    """The archive; made below the folder `place` if it is not there.  Raises CalledProcessError."""
    recipe = "\n".join([zig, str(Path(zig).stat().st_size), *_COMMON, *CXX, *_LIBRARY, TAGS, SETJMP])
    kept = Path(place, hashlib.sha256(recipe.encode()).hexdigest())
    archive = kept / "libc++.a"
    if archive.is_file():
        return str(archive)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with _alone(Path(f"{kept}.lock")):
        if not archive.is_file():
            with tempfile.TemporaryDirectory(prefix="new-", dir=kept.parent) as folder:
                made = Path(folder, "made")
                made.mkdir()
                print("wenv: making the C++ library (once, about a minute)", flush=True)
                _archive(zig, made / archive.name, Path(folder), _sources(Path(zig).parent / "lib"), os.environ)
                shutil.rmtree(kept, ignore_errors=True)
                made.rename(kept)
    return str(archive)


def setjmp_library(zig: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Write ``libsetjmp.a`` into a folder: what modules in C need, and the tags of both.  Raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="setjmp-", dir=folder) as place:
        source, tags = Path(place, "setjmp.c"), Path(place, "tags.s")
        source.write_text(SETJMP)
        tags.write_text(TAGS)
        flags = ("-target", "wasm32-wasi", "-mexception-handling")
        jobs = [(source, ("cc", *_COMMON)), (tags, ("cc", *flags))]
        _archive(zig, folder / "libsetjmp.a", Path(place), jobs, environment)


def _sources(library: Path) -> "Iterator[tuple[Path, tuple[str, ...]]]":
    """Each source, and the compiler's words for it."""
    abi, own = library / "libcxxabi" / "src", library / "libcxx" / "src"
    unwinding = ("cc", *_COMMON, "-fwasm-exceptions", "-std=c23", "-D_LIBUNWIND_HIDE_SYMBOLS")
    yield library / "libunwind" / "src" / "Unwind-wasm.c", (*unwinding, f"-I{library / 'libunwind' / 'include'}")
    # with zig's own C++ headers: without them (-nostdinc++) its definitions are gone, too
    words = ("c++", *_COMMON, *_LIBRARY, *CXX, f"-I{own}", f"-I{library / 'libcxx' / 'libc'}", f"-I{abi}")
    files = [abi / f"{name}.cpp" for name in _ABI]
    files += [path for name in ("", "ryu", "experimental", "filesystem") for path in sorted((own / name).glob("*.cpp"))]
    for path in files:
        if not _LEFT_OUT.search(path.name):
            yield path, (*words, *(_FILES if path.name == "operations.cpp" else ()))


def _archive(
    zig: str, archive: Path, folder: Path, sources: "Iterable[tuple[Path, tuple[str, ...]]]", environment: Mapping[str, str]
) -> None:
    def run(*words: str) -> None:
        subprocess.run([zig, *words], env=environment, check=True, capture_output=True, text=True)

    def compiled(job: "tuple[int, tuple[Path, tuple[str, ...]]]") -> str:
        number, (source, words) = job
        made = str(folder / f"{number}-{source.stem}.o")
        run(*words, "-c", str(source), "-o", made)
        return made

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        objects = list(pool.map(compiled, enumerate(sources)))
    run("ar", "rcs", str(archive), *objects)


@contextmanager
def _alone(lock: Path) -> "Iterator[None]":
    """Only one process at a time.  Packages are built on Linux and macOS only."""
    import fcntl

    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
