"""Rust for the target: which compiler builds, what it is told, and what is missing where it cannot.

The target's standard library comes prebuilt and is not position independent, so its objects cannot be linked into a module.
They hold LLVM's bitcode as well: link-time optimisation of everything (``lto = "fat"``) has rustc compile it anew, with the
crate, as position-independent code.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

TARGET = "wasm32-wasip1"
#: Variables that would take the place of the target's flags, of a package's own and of ours.
REPLACED = ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR")
FLAGS = ("-Crelocation-model=pic", "-Clinker-flavor=wasm-ld", "-Clink-self-contained=no")


def compiler() -> str | None:
    """The path of rustc, None where there is none: what RUSTC names, or the first on PATH."""
    return shutil.which(os.environ.get("RUSTC") or "rustc")


@cache
def version() -> str:
    """What the compiler says of itself; empty where there is none."""
    rustc = compiler()
    return "" if rustc is None else _said(rustc, "-vV")


def problem() -> str | None:
    """What is missing to build Rust extensions; None if nothing is."""
    rustc = compiler()
    if rustc is None or not shutil.which("cargo"):
        return f"is written in Rust, and Rust is not on this machine; its compiler, cargo and the target {TARGET} are needed"
    folder = _said(rustc, "--print", "target-libdir", "--target", TARGET)
    if folder and Path(folder).is_dir():
        return None
    how = f"`rustup target add {TARGET}`" if _is_rustups(rustc) else "Debian's package libstd-rust-dev-wasm32"
    return f"is written in Rust, and Rust's target {TARGET} is not on this machine; {how} brings it"


def variables(python: str, linker: Path, site: Path, jobs: int, staging: Path) -> dict[str, str]:
    """For cargo, rustc, pyo3, maturin and setuptools-rust; empty where there is no compiler.

    `linker` and `site` are the toolchain's; `staging` is the folder of one build, whose name is not to show in what it makes.
    """
    rustc = compiler()
    if rustc is None:
        return {}
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    remapped = [f"--remap-path-prefix={path}={name}" for path, name in ((staging, "build"), (home, "cargo"))]
    name = TARGET.upper().replace("-", "_")
    found = {
        "RUSTC": rustc,
        "CARGO_BUILD_TARGET": TARGET,
        f"CARGO_TARGET_{name}_LINKER": str(linker),
        f"CARGO_TARGET_{name}_RUSTFLAGS": " ".join((*FLAGS, *remapped)),  # beside those of a package's configuration
        "CARGO_PROFILE_RELEASE_LTO": "fat",
        "CARGO_PROFILE_RELEASE_PANIC": "abort",  # the target cannot unwind
        "CARGO_BUILD_JOBS": str(jobs),
        "CARGO_TERM_COLOR": "never",
        "PYO3_CROSS": "1",
        "PYO3_CROSS_PYTHON_VERSION": python,
        "PYO3_CROSS_LIB_DIR": str(site),
        "MATURIN_NO_INSTALL_RUST": "1",  # its own would lack the target
    }
    if toolchain := _toolchain(rustc):  # else a package's rust-toolchain.toml would choose another, or have it downloaded
        found["RUSTUP_TOOLCHAIN"] = toolchain
    return found


@cache
def _toolchain(rustc: str) -> str:
    """The toolchain of rustup's that is active here; empty where there is none, or the compiler is not rustup's."""
    if not _is_rustups(rustc):
        return ""
    return os.environ.get("RUSTUP_TOOLCHAIN") or _said("rustup", "show", "active-toolchain").partition(" ")[0]


def _is_rustups(rustc: str) -> bool:
    """Whether a compiler is one of rustup's stand-ins."""
    rustup = shutil.which("rustup")
    return rustup is not None and Path(rustup).parent == Path(rustc).parent


def _said(*command: str) -> str:
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    return "" if said.returncode else said.stdout.strip()
