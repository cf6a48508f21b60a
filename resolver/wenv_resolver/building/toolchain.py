"""The cross compiler as build systems want it: wrappers, sysconfig data, a cross file for meson, a toolchain file for CMake.

Made once for each set of headers, compiler and runtime, and kept in the store.  It holds absolute paths of this machine.
"""

import hashlib
import json
import os
import pprint
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from wenv_cache.kinds import Kind
from wenv_cache.store import Writing
from wenv_resolver.building import cxx, rust
from wenv_resolver.building.header_signatures import read_slots
from wenv_resolver.building.headers import find_headers, write_headers
from wenv_resolver.errors import BuildError
from wenv_resolver.progress import Progress
from wenv_resolver.target import Target

HERE = Path(__file__).parent
DERIVED = "toolchains"
#: Files of this package that go into the toolchain, under which names.
PROGRAMS = {"driver.py": "driver.py", "arity.py": "arity.py", "cxx.py": "cxx.py", "crosspython.py": "site/sitecustomize.py"}
TOOLS = ("cc", "c++", "ar", "ranlib", "rust-ld")
SYSCONFIG_DATA = "_sysconfigdata_wenv_target"
#: Parts of the compiler's run-time library that are the C library's in the runtime, and would hide it.
ELSEWHERE = re.compile(
    r"compiler_rt/(cos|exp|exp2|fabs|floor_ceil|fma|fmax|fmin|fmod|log|log10|log2|round|sin|sincos|sqrt|tan|trunc|memcpy|memmove"
    r"|ssp|atomics|emutls|clear_cache|stack_probe|os_version_check)\.zig|symbol\(&(memset|memcmp|bcmp|strlen)"
)
MESON_CROSS_FILE = """\
[binaries]
c = '{bin}/cc'
cpp = '{bin}/c++'
ar = '{bin}/ar'
ranlib = '{bin}/ranlib'
python = '{bin}/python'
pkg-config = '{bin}/pkg-config'
[properties]
needs_exe_wrapper = true
skip_sanity_check = true
longdouble_format = 'IEEE_QUAD_LE'
[host_machine]
system = 'wasi'
cpu_family = 'wasm32'
cpu = 'wasm32'
endian = 'little'
"""
# CMake's own platform file for bare WebAssembly knows no shared modules; the conventions of Linux are the driver's
CMAKE_TOOLCHAIN_FILE = """\
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER "{bin}/cc")
set(CMAKE_CXX_COMPILER "{bin}/c++")
set(CMAKE_AR "{bin}/ar")
set(CMAKE_RANLIB "{bin}/ranlib")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_SIZEOF_VOID_P 4)
set(CMAKE_SKIP_RPATH ON)
string(REPLACE ":" ";" CMAKE_FIND_ROOT_PATH "$ENV{{WENV_LIBRARIES}}")
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
foreach(kind Python Python3)
  set(${{kind}}_EXECUTABLE "{bin}/python")
  set(${{kind}}_INCLUDE_DIR "{include}")
  set(${{kind}}_INCLUDE_DIRS "{include}")
  set(${{kind}}_SOABI "{soabi}")
endforeach()
set(PYTHON_MODULE_EXTENSION "{suffix}")
"""

#: The Python that build systems take for the target's: the host's, but for questions about itself.
PYTHON = """\
case "$*" in *python_info.py*) exec cat {information};; esac
python=${{WENV_BUILD_PYTHON:-{python}}}
case "$1 $2" in
"-c "*version_info*) exec "$python" -c "import sys; sys.version_info = ({version}, 'final', 0); $2";;
esac
exec "$python" "$@"
"""


#: The host's, or that of the package pkgconf; it finds what was built for the target, and never what the host has.
PKG_CONFIG = """\
[ -n "$WENV_LIBRARIES" ] || exit 1
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
for program in pkg-config pkgconf {scripts}; do
command -v "$program" >/dev/null && exec "$program" --static "$@"
done
exit 1"""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A toolchain in the store; `key` is the digest of all that its output depends on."""

    folder: Path
    key: str
    target: Target
    cache: Path

    def environment(self, jobs: int, staging: Path) -> dict[str, str]:
        """Variables for the processes of a build backend, which builds in the folder `staging`."""
        tool = {name: str(self.folder / "bin" / name) for name in TOOLS}
        return {
            "PYTHONPATH": str(self.folder / "site"),
            "PYTHONDONTWRITEBYTECODE": "1",  # nothing is written beside what the store holds
            "_PYTHON_SYSCONFIGDATA_NAME": SYSCONFIG_DATA,
            "_PYTHON_HOST_PLATFORM": self.target.platform,
            "WENV_TARGET_VERSION": ".".join(map(str, self.target.python_version)),
            "WENV_TARGET_MACHINE": self.target.markers["platform_machine"],
            "CC": tool["cc"],
            "CXX": tool["c++"],
            "AR": tool["ar"],
            "RANLIB": tool["ranlib"],
            "LDSHARED": f"{tool['cc']} -shared",
            "LDCXXSHARED": f"{tool['c++']} -shared",
            "CMAKE_TOOLCHAIN_FILE": str(self.folder / "toolchain.cmake"),
            "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs),
            "MAKEFLAGS": f"-j{jobs}",
            "PKG_CONFIG": str(self.folder / "bin" / "pkg-config"),
            "PKG_CONFIG_LIBDIR": str(self.folder / "nothing"),  # else libraries of the host would be found
            "SOURCE_DATE_EPOCH": "315532800",  # the earliest that a zip can say: wheels do not differ by the clock
            **rust.variables(self.target.python, self.folder / "bin" / "rust-ld", self.folder / "site", jobs, staging),
            "ZIG_GLOBAL_CACHE_DIR": str(self.cache),
        }

    def settings(self, backend: str, jobs: int) -> dict[str, list[str]]:
        """The build backend's configuration settings (PEP 517), for those that need to be told."""
        if backend.partition(".")[0] == "mesonpy":
            return {"setup-args": [f"--cross-file={self.folder / 'cross.ini'}"], "compile-args": [f"-j{jobs}"]}
        return {}


@cache
def compiler_version() -> str | None:
    """The version of ziglang, None where it is not installed."""
    try:
        return version("ziglang")
    except PackageNotFoundError:
        return None


def find_toolchain(writing: Writing, target: Target, variables: Mapping[str, object], progress: Progress) -> Toolchain:
    """The toolchain for a target; made (5 s) if it is not there.

    `variables` is the configuration that the runtime says of itself.  Raises BuildError where something is missing.
    """
    if os.name != "posix":
        raise BuildError(
            "packages cannot be built from source on Windows",
            "build their wheels on Linux or macOS (`wenv build NAME -o FOLDER`) and give the folder with --find-links",
        )
    compiler = compiler_version()
    if compiler is None:
        raise BuildError("building needs the compiler ziglang, which is not installed", "pip install 'wenv[build]'")
    store = writing.store
    headers = find_headers(store, target, progress)
    digest = hashlib.sha256(f"{compiler}\n{target}\n{sorted(variables.items())}".encode())
    for path in (
        *sorted(headers.rglob("*.h")),
        *(HERE / name for name in (*PROGRAMS, "header_signatures.py", "toolchain.py")),
    ):
        digest.update(path.read_bytes())
    key = digest.hexdigest()
    # what it makes does not depend on where things lie on this machine, what it is made of does
    place = hashlib.sha256(f"{key}\n{sys.executable}\n{_zig()}".encode()).hexdigest()
    cache = store.folder(Kind.TOOLS) / "zig"

    def build(folder: Path) -> None:
        progress.begin("Preparing the compiler")
        try:
            _make(folder, store.derived_folder(DERIVED, place), headers, target, variables, cache)
        except (subprocess.CalledProcessError, OSError, ValueError) as error:
            words = str(getattr(error, "stderr", "") or error).strip()
            raise BuildError(f"the compiler could not be prepared: {words}") from error
        finally:
            progress.end("Preparing the compiler")

    return Toolchain(store.derive(DERIVED, place, build), key, target, cache)


def _zig() -> Path:
    spec = find_spec("ziglang")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("zig")


def _make(folder: Path, final: Path, headers: Path, target: Target, variables: Mapping[str, object], cache: Path) -> None:
    """Write the toolchain into `folder`, from where it will be moved to `final`."""
    write_headers(headers, folder / "include", target, variables)
    for name, place in PROGRAMS.items():
        (folder / place).parent.mkdir(exist_ok=True)
        shutil.copyfile(HERE / name, folder / place)
    libraries = [final / "lib" / name for name in ("libsetjmp.a", "libbuiltins.a")]
    configuration = {
        "zig": str(_zig()),
        "include": str(final / "include"),
        "libraries": [str(path) for path in libraries],
        "cxx": str(cache.with_name("cxx")),
        "slots": read_slots(headers).as_json(),
    }
    (folder / "configuration.json").write_text(json.dumps(configuration, indent=1), "utf-8")
    _write_programs(folder, final, target)
    _build_libraries(folder, cache)
    answers = _answers(final, target, variables)
    (folder / "site" / f"{SYSCONFIG_DATA}.py").write_text(f"build_time_vars = {pprint.pformat(answers)}\n", "utf-8")
    (folder / "python-information.json").write_text(json.dumps(_meson_answers(final, target, answers)), "utf-8")
    (folder / "cross.ini").write_text(MESON_CROSS_FILE.format(bin=final / "bin"), "utf-8")
    names = {"soabi": answers["SOABI"], "suffix": answers["EXT_SUFFIX"]}
    text = CMAKE_TOOLCHAIN_FILE.format(bin=final / "bin", include=final / "include", **names)
    (folder / "toolchain.cmake").write_text(text, "utf-8")


def _write_programs(folder: Path, final: Path, target: Target) -> None:
    """The executables: a shell's script each, as the first line of a Python script holds no path with a space in it."""
    python = shlex.quote(sys.executable)
    (folder / "bin").mkdir()
    scripts = {tool: f'exec {python} -I -S -B {shlex.quote(str(final / "driver.py"))} {tool} "$@"' for tool in TOOLS}
    # meson and CMake ask the Python that modules are for about itself; anything else is run on the host
    information = shlex.quote(str(final / "python-information.json"))
    version = ", ".join(map(str, target.python_version))
    scripts["python"] = PYTHON.format(information=information, python=python, version=version)
    scripts["pkg-config"] = PKG_CONFIG.format(scripts=shlex.quote(str(Path(sysconfig.get_path("scripts"), "pkgconf"))))
    for name, text in scripts.items():
        path = folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        path.chmod(0o755)


def _build_libraries(folder: Path, cache: Path) -> None:
    """What the runtime's libraries lack: the compiler's run-time library, and setjmp."""
    zig, library = _zig(), folder / "lib"
    library.mkdir()
    source = zig.parent / "lib"
    shutil.copytree(source / "compiler_rt", library / "compiler_rt")
    lines = (source / "compiler_rt.zig").read_text("utf-8").splitlines()
    (library / "compiler_rt.zig").write_text("\n".join(line for line in lines if not ELSEWHERE.search(line)) + "\n", "utf-8")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(library / "cache")}
    target = ["-target", "wasm32-wasi", "-fPIC"]
    command = [str(zig), "build-lib", *target, "-O", "ReleaseSmall", "--name", "builtins", "compiler_rt.zig"]
    subprocess.run(command, cwd=library, env=environment, check=True, capture_output=True, text=True)
    cxx.setjmp_library(str(zig), library, environment)
    for name in ("compiler_rt", "cache"):
        shutil.rmtree(library / name)
    (library / "compiler_rt.zig").unlink()


def _answers(final: Path, target: Target, variables: Mapping[str, object]) -> dict[str, object]:
    """The runtime's sysconfig variables, with the paths and programs of this toolchain."""
    cc, cxx = str(final / "bin" / "cc"), str(final / "bin" / "c++")
    include, optimised = str(final / "include"), "-O2 -DNDEBUG"
    return {
        **variables,
        **dict.fromkeys(("CC", "LINKCC", "MAINCC"), cc),
        **dict.fromkeys(("LDSHARED", "BLDSHARED"), f"{cc} -shared"),
        **dict.fromkeys(("CFLAGS", "OPT"), optimised),
        **dict.fromkeys(("INCLUDEPY", "CONFINCLUDEPY"), include),
        **dict.fromkeys(
            ("LDFLAGS", "LDLIBRARY", "LIBDIR", "LIBPL", "CONFIGURE_CFLAGS", "PY_CFLAGS", "BASECFLAGS", "LIBPC"), ""
        ),
        "CXX": cxx,
        "LDCXXSHARED": f"{cxx} -shared",
        "AR": str(final / "bin" / "ar"),
        "RANLIB": str(final / "bin" / "ranlib"),
        "ARFLAGS": "rcs",
        "CCSHARED": "-fPIC",
        "py_version": ".".join(map(str, target.python_version)),
        "py_version_short": target.python,
        "py_version_nodot": target.python.replace(".", ""),
    }


def _meson_answers(final: Path, target: Target, answers: Mapping[str, object]) -> dict[str, object]:
    """What meson's python_info.py would print under the target's Python."""
    prefix, include = "/usr/local", str(final / "include")
    library, packages = f"/lib/python{target.python}", f"/lib/python{target.python}/site-packages"
    inside = {"stdlib": library, "platstdlib": library, "purelib": packages, "platlib": packages, "scripts": "/bin", "data": ""}
    paths = {**{key: prefix + path for key, path in inside.items()}, "include": include, "platinclude": include}
    headers = f"/include/python{target.python}"
    prefixes = ("prefix", "exec_prefix", "base", "platbase", "installed_base", "installed_platbase", "base_prefix")
    return {
        "variables": {**answers, **dict.fromkeys(prefixes, prefix), "LDVERSION": target.python, "LIBPYTHON": ""},
        "paths": paths,
        "sysconfig_paths": paths,
        "install_paths": {**inside, "include": headers, "platinclude": headers},
        "version": target.python,
        "platform": target.platform,
        "is_pypy": False,
        "is_venv": False,
        "is_freethreaded": False,
        "link_libpython": False,
        "suffix": answers["EXT_SUFFIX"],
        "limited_api_suffix": ".abi3.so",
    }
