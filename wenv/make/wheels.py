"""``wenv build``: wheels of what has none."""

from dataclasses import asdict, dataclass
from pathlib import Path

from wenv.make.prepare import prepare
from wenv.make.solve import Solution
from wenv.runtimes import Runtime
from wenv_cache.files import write_atomically
from wenv_cache.store import Writing
from wenv_resolver.progress import Progress


@dataclass(frozen=True, slots=True)
class WrittenWheel:
    """A wheel that was built and copied to a folder; `size` in bytes."""

    path: Path
    sha256: str
    size: int
    native: bool

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "path": str(self.path)}


def build(writing: Writing, runtime: Runtime, solution: Solution, output: Path, progress: Progress) -> list[WrittenWheel]:
    """Build what a solution has no wheels for, try it, and copy the wheels to a folder."""
    prepared = prepare(writing, runtime, output, solution, progress)
    output.mkdir(parents=True, exist_ok=True)
    written = []
    for wheel in (item.built for item in prepared.fetched):
        if wheel is not None:
            path = output / wheel.path.name
            write_atomically(path, wheel.path.read_bytes())
            written.append(WrittenWheel(path, wheel.sha256, path.stat().st_size, wheel.native))
    return written
