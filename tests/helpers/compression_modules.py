"""Builds the guest's modules for bzip2, xz and zstd, which componentize-py's CPython lacks, from the sources of their authors.

    python -m tests.helpers.compression_modules INCLUDE SYSCONFIG FOLDER

INCLUDE and SYSCONFIG as for tests.helpers.native_modules; FOLDER is where the modules are written.  The sources are Debian's
copies (bzip2, xz, zstd, and CPython 3.13's `_bz2` and `_lzma`, as the source of 3.14 is not among them), each of which counts
by its sha256, and the package backports.zstd, which holds 3.14's `_zstd`.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.helpers import debian, upstream
from wenv_resolver.building.headers import pyconfig

NAMES = ("bz2", "lzma", "zstd")
#: Debian's source packages and the digests of their archives.
SOURCES = {
    "bzip2": "ab5a03176ee106d3f0fa90e381da478ddae405918153cca248e682cd0c4a2269",
    "xz-utils": "0b54f79df85912504de0b14aec7971e3f964491af1812d83447005807513cd9e",
    "libzstd": "0c092ef267edce57ba7f3f2645c861f72eaf5e76273c6c3632869423464b90a5",
    "python3.13": "93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640",
}
BACKPORT = "backports.zstd==1.8.0"
COMPILER = ("-target", "wasm32-wasi", "-fPIC", "-O2", "-fvisibility=hidden", "-fno-sanitize=undefined", "-DNDEBUG", "-g0", "-w",
            "-D_GNU_SOURCE", "-D_WASI_EMULATED_SIGNAL", "-Iinclude", "-Iinclude/internal")  # fmt: skip
#: 3.13's generated argument parsing, with 3.14's headers: one parameter more.
FROM_3_13 = """\
#ifndef Py_BUILD_CORE_MODULE
#define Py_BUILD_CORE_MODULE 1
#endif
#include "Python.h"
#include "pycore_modsupport.h"
#undef _PyArg_UnpackKeywords
#define _PyArg_UnpackKeywords(args, count, keywords, names, parser, least, most, named, buffer) \\
  (_PyArg_UnpackKeywords)((args), (count), (keywords), (names), (parser), (least), (most), (named), 0, (buffer))
"""
#: backports.zstd is for CPython 3.9 to 3.13: with this, what it replaces there is 3.14's own.
FOR_3_14 = """\
#define BACKPORTS_ZSTD_EDITS_ORIG_H
#define Py_BUILD_CORE_MODULE 1
#include "Python.h"
#include "pycore_modsupport.h"
#include "pycore_abstract.h"
"""
#: The C library has it, zig's headers do not declare it for this target.
SORTING = """\
#include <stdlib.h>
void qsort_r(void *, size_t, size_t, int (*)(const void *, const void *, void *), void *);
"""
#: What bzip2 calls instead of printing, where it is built without standard output.
BROKEN = "#include <stdlib.h>\nvoid bz_internal_error(int code) { abort(); }\n"
FILTERS = ("X86", "POWERPC", "IA64", "ARM", "ARMTHUMB", "ARM64", "SPARC", "RISCV", "DELTA", "LZMA1", "LZMA2")
LZMA = (
    "-std=gnu99", "-DHAVE_STDINT_H=1", "-DHAVE_STDBOOL_H=1", "-DHAVE_INTTYPES_H=1", "-DHAVE_STDDEF_H", "-DHAVE_STRING_H=1",
    "-DHAVE_LIMITS_H", "-DHAVE__BOOL=1", "-DSIZEOF_SIZE_T=4", "-DMYTHREAD_ENABLED_NO", "-DHAVE_ENCODERS=1", "-DHAVE_DECODERS=1",
    "-DHAVE_LZIP_DECODER=1", "-DHAVE_CHECK_CRC32=1", "-DHAVE_CHECK_CRC64=1", "-DHAVE_CHECK_SHA256=1", "-DHAVE_MF_HC3=1",
    "-DHAVE_MF_HC4=1", "-DHAVE_MF_BT2=1", "-DHAVE_MF_BT3=1", "-DHAVE_MF_BT4=1", "-DTUKLIB_SYMBOL_PREFIX=lzma_",
    "-DTUKLIB_FAST_UNALIGNED_ACCESS=1", "-Ixz/src/common",
    *(f"-Ixz/src/liblzma/{name}" for name in ("api", "common", "check", "lz", "rangecoder", "lzma", "delta", "simple")),
    *(f"-DHAVE_{kind}_{name}=1" for kind in ("ENCODER", "DECODER") for name in FILTERS),
)  # fmt: skip
#: Threads, smaller and slower variants, programs that write tables, and what is for other processors.
NOT_LZMA = ("_mt.c", "tablegen.c", "_small.c", "crc32_x86.c", "hardware_cputhreads.c", "hardware_physmem.c")
ZSTD = ("-DZSTD_DISABLE_ASM", "-include", "sorting.h", "-DXXH_NAMESPACE=ZSTD_", "-Izstd/lib")
BACKPORTED = ("-include", "for_3_14.h", "-Izstd/lib", *(
    f"-Ibackport/src/c/{name}" for name in ("compression_zstd", "pythoncapi-compat", "compat")
))  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """A source, relative to the build's folder, and the compiler's words for it."""

    source: str
    words: tuple[str, ...]


def gathered(folder: Path) -> Path:
    """The sources, unpacked side by side in a folder.

    Raises ValueError for other sources than are known, and what `debian.sources` raises.
    """
    unpacked = folder / "sources-of-modules"
    if (unpacked / "complete").exists():
        return unpacked
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir(parents=True)
    archives = debian.sources(folder, *SOURCES, suite="trixie")
    found = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in archives}
    names = {"bzip2": "bzip2", "xz-utils": "xz", "libzstd": "zstd", "python3.13": "cpython"}
    for package, digest in SOURCES.items():
        if digest not in found:
            raise ValueError(f"{package}: Debian's archive is another one by now")
        with tarfile.open(found[digest]) as archive, tempfile.TemporaryDirectory(dir=folder) as place:
            archive.extractall(place, filter="data")
            next(Path(place).iterdir()).rename(unpacked / names[package])
    with tempfile.TemporaryDirectory(dir=folder) as place:
        upstream.unpacked(BACKPORT, folder / "backport-download", Path(place)).rename(unpacked / "backport")
    edits = unpacked / "backport/src/c/compat/backports_zstd_edits.h"
    head, call, tail = edits.read_text().partition("return _PyArg_UnpackKeywords")
    if call and "varpos," not in tail.partition(";")[0]:
        edits.write_text(head + call + tail.replace("minkw,", "minkw, varpos,", 1))
    (unpacked / "complete").touch()
    return unpacked


def build(name: str, sources: Path, include: Path, sysconfig: Path, output: Path) -> None:
    """Compile and link; raises subprocess.CalledProcessError with the compiler's words on stderr."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(include, folder / "include")
        (folder / "include" / "pyconfig.h").write_text(pyconfig(json.loads(sysconfig.read_text())))
        # names relative to the folder: what is built depends on no path of this machine
        for part in ("bzip2", "xz", "zstd", "cpython", "backport"):
            (folder / part).symlink_to(sources / part)
        texts = {"from_3_13.h": FROM_3_13, "for_3_14.h": FOR_3_14, "sorting.h": SORTING, "broken.c": BROKEN}
        for file, text in texts.items():
            (folder / file).write_text(text)
        zig = [sys.executable, "-m", "ziglang"]

        def compiled(job: tuple[int, Unit]) -> str:
            number, unit = job
            made = f"{number:03}.o"
            subprocess.run([*zig, "cc", *COMPILER, *unit.words, "-c", unit.source, "-o", made], check=True, cwd=folder)
            return made

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            objects = list(pool.map(compiled, enumerate(_units(name, folder))))
        linker = [*zig, "wasm-ld", "-shared", "--experimental-pic", "--unresolved-symbols=import-dynamic", "--gc-sections"]
        command = [*linker, "--strip-all", f"--export=PyInit__{name}", *objects, "-o", "module.so"]
        subprocess.run(command, check=True, cwd=folder)
        shutil.copyfile(folder / "module.so", output)


def _units(name: str, folder: Path) -> Iterable[Unit]:
    if name == "bz2":
        yield Unit("cpython/Modules/_bz2module.c", ("-include", "from_3_13.h", "-Ibzip2"))
        yield Unit("broken.c", ())
        for each in ("blocksort", "huffman", "crctable", "randtable", "compress", "decompress", "bzlib"):
            yield Unit(f"bzip2/{each}.c", ("-DBZ_NO_STDIO=1",))
    elif name == "lzma":
        yield Unit("cpython/Modules/_lzmamodule.c", ("-include", "from_3_13.h", "-Ixz/src/liblzma/api", "-DLZMA_API_STATIC"))
        checks = [f"check/{each}.c" for each in ("check", "crc32_fast", "crc64_fast", "sha256")]
        files = [*_files(folder / "xz/src/liblzma", "common", "lz", "lzma", "delta", "simple"), *checks]
        files.append("rangecoder/price_table.c")
        yield from (Unit(f"xz/src/liblzma/{each}", LZMA) for each in files if not each.endswith(NOT_LZMA))
    else:
        own = ("_zstdmodule", "compressor", "decompressor", "zstddict")
        yield from (Unit(f"backport/src/c/compression_zstd/{each}.c", BACKPORTED) for each in own)
        files = _files(folder / "zstd/lib", "common", "compress", "decompress", "dictBuilder")
        yield from (Unit(f"zstd/lib/{each}", ZSTD) for each in files)


def _files(root: Path, *folders: str) -> list[str]:
    return [f"{name}/{path.name}" for name in folders for path in sorted((root / name).glob("*.c"))]


if __name__ == "__main__":
    place = Path(tempfile.gettempdir(), "wenv-compression-modules")
    place.mkdir(exist_ok=True)
    found = gathered(place)
    for each in NAMES:
        target = Path(sys.argv[3], f"_{each}.cpython-314-wasm32-wasi.so")
        build(each, found, Path(sys.argv[1]), Path(sys.argv[2]), target)
        print(target, target.stat().st_size)
