"""Builds the guest's native modules from wenv/guest/native.

    python -m tests.helpers.native_modules INCLUDE SYSCONFIG FOLDER

INCLUDE is the folder of CPython 3.14's headers, SYSCONFIG the runtime's ``_sysconfig_vars__wasi_wasm32-wasi.json``, FOLDER
where the modules are written.
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
NAMES = ("interrupt", "kdf")


def built(name: str, folder: Path = GUEST) -> Path:
    """The file of a module."""
    return folder / f"_{name}.cpython-314-wasm32-wasi.so"


def build(name: str, include: Path, sysconfig: Path, output: Path) -> None:
    """Compile and link; raises subprocess.CalledProcessError with the compiler's words on stderr."""
    source = GUEST / "native" / f"{name}.c"
    with tempfile.TemporaryDirectory() as folder:
        headers = Path(folder, "include")
        shutil.copytree(include, headers)
        (headers / "pyconfig.h").write_text(pyconfig(json.loads(sysconfig.read_text())))
        zig = [sys.executable, "-m", "ziglang"]
        shutil.copy(source, folder)
        compiler = [*zig, "cc", "-target", "wasm32-wasi", "-fPIC", "-O2", "-fvisibility=hidden", "-fno-sanitize=undefined"]
        linker = [*zig, "wasm-ld", "-shared", "--experimental-pic", "--unresolved-symbols=import-dynamic"]
        # names relative to the folder: what is built then depends on no path of this machine
        subprocess.run([*compiler, "-Iinclude", "-c", source.name, "-o", "module.o"], check=True, cwd=folder)
        export = f"--export=PyInit__{name}"
        subprocess.run([*linker, "--strip-all", export, "module.o", "-o", "module.so"], check=True, cwd=folder)
        shutil.copyfile(Path(folder, "module.so"), output)


if __name__ == "__main__":
    for name in NAMES:
        build(name, Path(sys.argv[1]), Path(sys.argv[2]), built(name, Path(sys.argv[3])))
