"""Makes the source archive and the wheels for each platform in dist/, and checks them: `make dist`.

The native launcher of each is compiled by zig on this machine.  The wheel for this machine's platform is installed in a fresh
virtual environment, without any compiler on PATH, and runs a program; the others are inspected.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
#: zig's name of a platform, the tag of its wheel, and what its launcher begins with.
ELF, MACHO = b"\x7fELF", b"\xcf\xfa\xed\xfe"
TARGETS = (
    ("x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64.manylinux2014_x86_64", ELF, 62),
    ("aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64.manylinux2014_aarch64", ELF, 183),
    ("x86_64-linux-musl", "musllinux_1_2_x86_64", ELF, 62),
    ("aarch64-linux-musl", "musllinux_1_2_aarch64", ELF, 183),
    ("x86_64-macos.11.0", "macosx_11_0_x86_64", MACHO, 0x01000007),
    ("aarch64-macos.11.0", "macosx_11_0_arm64", MACHO, 0x0100000C),
    ("none", "any", b"", 0),
)
LAUNCHER = "wenv/launcher/native/start"


def main() -> int:
    """Build and check everything."""
    shutil.rmtree(DIST, ignore_errors=True)
    build = [sys.executable, "-m", "build", "--outdir", str(DIST)]
    subprocess.run([*build, "--sdist", str(ROOT)], check=True, stdout=subprocess.DEVNULL)
    for name, tag, magic, machine in TARGETS:
        # from the source tree, as its version is the tag's
        environment = {**os.environ, "WENV_TARGET": f"{name} {tag}"}
        subprocess.run([*build, "--wheel", str(ROOT)], check=True, stdout=subprocess.DEVNULL, env=environment)
        wheel = next(DIST.glob(f"*-none-{tag}.whl"))
        inspect(wheel, magic, machine)
        print(f"{wheel.name}: {wheel.stat().st_size} bytes, inspected")
    for wheel in sorted(DIST.glob("*linux*.whl")):
        audit(wheel)
    own = f"*manylinux*_{os.uname().machine}.whl" if sys.platform == "linux" else "*-none-any.whl"
    use(next(DIST.glob(own)))
    return 0


def inspect(wheel: Path, magic: bytes, machine: int) -> None:
    """Check that a wheel holds what it must: the launcher of its platform in both places, or none."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        scripts = [name for name in names if name.endswith(".data/scripts/wenv")]
        entries = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
        assert "wenv-python = " in entries, entries
        assert LAUNCHER + ".exe" not in names
        if not magic:
            assert not scripts
            assert LAUNCHER not in names
            assert "\nwenv = " in entries, entries
            return
        assert "\nwenv = " not in entries, "two scripts of one name"
        program = archive.read(LAUNCHER)
        assert archive.read(scripts[0]) == program
        assert program.startswith(magic), program[:4]
        (found,) = struct.unpack_from("<H", program, 18) if magic == ELF else struct.unpack_from("<I", program, 4)
        assert found == machine, (wheel.name, hex(found))
        assert len(program) < 1 << 20, f"{wheel.name}: the launcher has {len(program)} bytes"


def audit(wheel: Path) -> None:
    """Have auditwheel say that a wheel is what its tag says."""
    shown = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", "--disable-isa-ext-check", str(wheel)], capture_output=True, text=True
    )
    said = " ".join((shown.stdout or shown.stderr).split())
    print(f"{wheel.name}: {said}")
    if "manylinux" in wheel.name:
        assert 'following platform tag: "manylinux_2_17_' in said, shown


def use(wheel: Path) -> None:
    """Install a wheel where there is no compiler, and run a program by the native launcher."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        subprocess.run([sys.executable, "-m", "venv", str(folder / "environment")], check=True)
        programs = folder / "environment" / "bin"
        tools = folder / "tools"
        tools.mkdir()
        for tool in ("sh", "env", "uname"):
            if found := shutil.which(tool):
                (tools / tool).symlink_to(found)
        variables = {
            "HOME": str(folder),
            "PATH": f"{programs}{os.pathsep}{tools}",
            "WENV_CACHE_DIR": os.environ.get("WENV_CACHE_DIR", str(folder / "cache")),
            "WENV_DATA_DIR": str(folder / "data"),
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
        }
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", str(wheel)]
        subprocess.run(pip, check=True, env={**variables, "HOME": os.environ.get("HOME", place)})
        project = folder / "project"
        project.mkdir()
        wenv = str(programs / "wenv")
        subprocess.run([wenv, "create", "--quiet", "--path", str(project / ".wenv")], check=True, env=variables, cwd=project)
        (programs / "wenv-python").rename(programs / "nobody")  # whatever runs now is run by the native program
        for command in ([wenv, "run", "-c", "print('hello')"], [str(project / ".wenv" / "bin" / "python"), "-c", "print('hello')"]):
            said = subprocess.run(command, check=True, env=variables, cwd=project, capture_output=True, text=True).stdout
            assert said == "hello\n", said
        print(f"{wheel.name}: installed without a compiler, hello by the native launcher")


if __name__ == "__main__":
    sys.exit(main())
