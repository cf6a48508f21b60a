"""How often the way of a value comes back to a file that it had left: for `wenv create` and for `wenv run` the long way.

Followed are what the user asked for, the environment, and the runtime: each first call of a function of ours that is handed one
of them, or is a method of one, is a stop; stops in the same file, one after the other, are one stay.  Asking a value for one of
its properties, and making it, are no stops.  Nothing is timed.

    python benchmarks/trips.py [--stays]
"""

import inspect
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = tuple(str(ROOT / name) + "/" for name in ("cache", "resolver", "wenv"))
FOLLOWED = {
    "Wanted", "Gathered", "Requested", "Solution", "Prepared", "Environment", "Ready", "ComponentizeRuntime",
    "ScientificRuntime",
}  # fmt: skip
#: What `create` and `run` may come back to at most.
MOST = 8


def stays_of(work: Callable[[], object]) -> list[tuple[str, list[str]]]:
    """The stays of the values on their way through `work`: a file and the functions that were called there."""
    seen, stays = set(), list[tuple[str, list[str]]]()

    def hear(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or code in seen or code.co_name.startswith(("<", "__")):
            return
        if not code.co_filename.startswith(FOLDERS):
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = [frame.f_locals.get(name) for name in names]
        if not any(type(value).__name__ in FOLLOWED for value in given):
            return
        if names[0] == "self":
            found = inspect.getattr_static(type(given[0]), code.co_name, None)
            if isinstance(found, (property, cached_property)):
                return
        seen.add(code)
        file = str(Path(code.co_filename).relative_to(ROOT))
        if stays and stays[-1][0] == file:
            stays[-1][1].append(code.co_name)
        else:
            stays.append((file, [code.co_name]))

    sys.setprofile(hear)
    try:
        work()
    finally:
        sys.setprofile(None)
    return stays


def command(words: Sequence[str]) -> Callable[[], object]:
    """A command of wenv's, to be run in this process."""
    from wenv.cli.main import run_command

    return lambda: run_command(list(words))


def main(arguments: Sequence[str]) -> int:
    """Print the counts; 1 if one is too high."""
    status = 0
    with tempfile.TemporaryDirectory() as place:
        folder = str(Path(place, ".wenv"))
        command(["create", "--path", folder, "rich"])()  # what is asked of the index is remembered, for ten minutes
        flows = {
            "create": ["create", "--clear", "--path", folder, "rich"],
            "run, the long way": ["run", "--path", folder, "-c", "pass"],
        }
        for name, words in flows.items():
            stays = stays_of(command(words))
            left = set[str]()
            for file, functions in stays if "--stays" in arguments else ():
                print("  ", "back to" if file in left else "       ", file, " ".join(functions))
                left.add(file)
            files = {file for file, _ in stays}
            returns = len(stays) - len(files)
            print(f"{name}: {len(stays)} stays in {len(files)} files, {returns} returns (at most {MOST})")
            status |= returns > MOST
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
