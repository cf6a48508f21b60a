"""What happens once, before the memory of the interpreter is saved."""

import json
import os
import sys

from ..platform import adapt
from ..program import program, streams


def keep_standard_library() -> None:
    """Copy the standard library's files to where the host asked for them: they can be seen only during the build."""
    for folder in sys.path:
        target = f"{folder}/wenv-standard-library"
        if os.path.isdir(target):
            _copy("/python", target)


def settle() -> None:
    """Do once what would be the same in every run."""
    os.environ.clear()
    adapt.apply()
    streams.open_streams(unbuffered=False)
    json.loads(json.dumps({"warm": [1, None, True]}))
    program.run_source("pass", "<string>", {})


def blank_free_memory() -> None:
    """Overwrite what is free in the heap with zeros, which a component does not keep: else it would hold all that was ever
    freed while it was built."""
    for power in range(7, 21):  # ascending: what the small blocks leave of themselves is overwritten by the large
        blocks = [bytes(1 << power) for _ in range((4 << 20) >> power)]
        del blocks


def _copy(source: str, target: str) -> None:
    for entry in os.scandir(source):
        if entry.is_dir():
            if entry.name != "__pycache__":
                os.mkdir(f"{target}/{entry.name}")
                _copy(entry.path, f"{target}/{entry.name}")
            continue
        with open(entry.path, "rb", buffering=0) as old, open(f"{target}/{entry.name}", "wb", buffering=0) as new:
            while chunk := old.read(1 << 16):
                new.write(chunk)
