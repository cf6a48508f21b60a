"""Builds the guest's one native module from interrupt.c.

    python -m tests.helpers.interrupt_module INCLUDE SYSCONFIG OUTPUT

INCLUDE is the folder of CPython 3.14's headers, SYSCONFIG the runtime's ``_sysconfig_vars__wasi_wasm32-wasi.json``, OUTPUT the
module to write.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import wenv.guest
from wenv_resolver.building.headers import pyconfig

GUEST = Path(wenv.guest.__file__).parent
SOURCE = GUEST / "native" / "interrupt.c"
BUILT = GUEST / "_interrupt.cpython-314-wasm32-wasi.so"


def build(include: Path, sysconfig: Path, output: Path) -> None:
    """Compile and link; raises subprocess.CalledProcessError with the compiler's words on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        headers = Path(folder, "include")
        shutil.copytree(include, headers)
        (headers / "pyconfig.h").write_text(pyconfig(json.loads(sysconfig.read_text())))
        zig = [sys.executable, "-m", "ziglang"]
        shutil.copy(SOURCE, folder)
        compiler = [*zig, "cc", "-target", "wasm32-wasi", "-fPIC", "-O2", "-fvisibility=hidden", "-fno-sanitize=undefined"]
        linker = [*zig, "wasm-ld", "-shared", "--experimental-pic", "--unresolved-symbols=import-dynamic"]
        # names relative to the folder: what is built then depends on no path of this machine
        subprocess.run([*compiler, "-Iinclude", "-c", SOURCE.name, "-o", "interrupt.o"], check=True, cwd=folder)
        export = "--export=PyInit__interrupt"
        subprocess.run([*linker, "--strip-all", export, "interrupt.o", "-o", "module.so"], check=True, cwd=folder)
        shutil.copyfile(Path(folder, "module.so"), output)


if __name__ == "__main__":
    build(*(Path(argument) for argument in sys.argv[1:]))
