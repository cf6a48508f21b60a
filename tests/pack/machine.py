"""The machine that runs packed files: it has wasmtime's executable, and nothing else."""

import shutil
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path

from tests.conftest import Wenv

EXAMPLES = Path(__file__).parents[2] / "examples" / "packed"


class Machine:
    """A machine that has wasmtime and one packed file, and nothing else."""

    def __init__(self, folder: Path, packed: Path) -> None:
        self.folder, self.packed = folder, packed
        self.arguments: tuple[str, ...] = ()

    def result(self, *arguments: str, stdin: str | None = "", host: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
        """Run the packed file; `host` are options of wasmtime's."""
        command = [str(self.folder / "wasmtime"), "run", "--allow-precompiled", *host, self.packed.name, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env={}, input=stdin, text=True, capture_output=True, check=False, timeout=1800
        )

    def __call__(self, *arguments: str, stdin: str = "", host: tuple[str, ...] = (), status: int = 0) -> str:
        """The same; returns what was printed."""
        result = self.result(*arguments, stdin=stdin, host=host)
        assert result.returncode == status, result.stdout + result.stderr[-3000:]
        return result.stdout


def wasmtime() -> Path:
    """The executable inside the wheel, which comes without the permission to run it."""
    spec = find_spec("wasmtime_cli")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("wasmtime")


def machine(tmp_path: Path, packed: Path) -> Machine:
    folder = tmp_path / f"machine-{packed.stem}"
    folder.mkdir()
    shutil.copyfile(wasmtime(), folder / "wasmtime")
    (folder / "wasmtime").chmod(stat.S_IRWXU)
    shutil.move(packed, folder / packed.name)
    return Machine(folder, folder / packed.name)


def pack(wenv: Wenv, *arguments: str) -> Path:
    """Pack, and compile for the executable, so that the test's runs need not."""
    executable = wenv.folder / "wasmtime"
    if not executable.exists():
        shutil.copyfile(wasmtime(), executable)
        executable.chmod(stat.S_IRWXU)
    made = wenv.json("pack", *arguments, "--precompile", str(executable))
    assert made["size"] == Path(wenv.folder / made["path"]).stat().st_size
    return Path(wenv.folder / made["precompiled"])
