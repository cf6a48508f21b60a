"""Builds the guest's one native module from interrupt.c.

    python wenv/guest/native/build.py INCLUDE SYSCONFIG OUTPUT

INCLUDE is the folder of CPython 3.14's headers (the same on every platform but for pyconfig.h), SYSCONFIG the runtime's
``_sysconfig_vars__wasi_wasm32-wasi.json``, OUTPUT the module to write.  Needs the ``ziglang`` package.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("interrupt.c")
BUILT = Path(__file__).parent.parent / "_interrupt.cpython-314-wasm32-wasi.so"

#: The variables among the runtime's configuration that were preprocessor definitions in its pyconfig.h.
DEFINITION = re.compile(
    r"(HAVE_|SIZEOF_|ALIGNOF_|WITH_|PY_|Py_|_|ENABLE_|STDC|SYS_|TIME_|USE_|DOUBLE|FLOAT|POSIX|POLL|MVWDELCH)"
)


def pyconfig(sysconfig: Path) -> str:
    """The text of pyconfig.h for the runtime: a value of 0 there means "not defined" here."""
    values = json.loads(sysconfig.read_text())
    chosen = {k: v for k, v in values.items() if DEFINITION.match(k) and isinstance(v, int) and v}
    return "".join(f"#define {name} {value}\n" for name, value in sorted(chosen.items()))


def build(include: Path, sysconfig: Path, output: Path) -> None:
    """Compile and link; raises subprocess.CalledProcessError with the compiler's words on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        headers = Path(folder, "include")
        shutil.copytree(include, headers)
        (headers / "pyconfig.h").write_text(pyconfig(sysconfig))
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
