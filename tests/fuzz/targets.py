"""Runs one of the Python fuzzers under atheris: ``python -m tests.fuzz.targets NAME FOLDER [OPTION OF LIBFUZZER ...]``.

A finding does not end the run: the first input of each kind goes to FOLDER, with its traceback, and the run goes on.
"""

import hashlib
import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

NAMES = ("manifests", "locks", "answers", "archives")
#: Packages whose branches guide the fuzzer.
GUIDING = ["wenv_cache", "wenv_resolver", "wenv", "packaging", "tomllib"]
#: Bytes of address space that a run may take: what would be a huge allocation is a MemoryError, as in the guest.
SPACE = 1 << 30


def target(name: str) -> ModuleType:
    """The module of a fuzzer."""
    if name not in NAMES:
        raise ValueError(f"no fuzzer is called {name}")
    return importlib.import_module(f"tests.fuzz.{name}")


def signature(error: BaseException) -> str:
    """What two findings of one kind have in common: the exception and the last places in the code."""
    frames = traceback.extract_tb(error.__traceback__)[1:][-4:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"


def noting(read: Callable[[bytes], None], folder: Path) -> Callable[[bytes], None]:
    """`read`, which writes what it raises into a folder, once for each kind."""

    def note(data: bytes) -> None:
        try:
            read(data)
        except Exception as error:
            words = signature(error)
            path = folder / f"finding-{hashlib.sha256(words.encode()).hexdigest()[:12]}"
            if not path.exists():
                path.write_bytes(data)
                path.with_suffix(".txt").write_text(words + "\n" + "".join(traceback.format_exception(error, limit=-12)))

    return note


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    import faulthandler
    import resource

    import atheris  # type: ignore[import-untyped,unused-ignore]

    faulthandler.enable()
    from tests.fuzz.trees import mutator

    name, folder = sys.argv[1], Path(sys.argv[2])
    if name == "archives":
        resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
    with atheris.instrument_imports(include=GUIDING):
        chosen: Any = target(name)
    mutate = chosen.mutate if name == "archives" else mutator(chosen.document, chosen.written)
    atheris.Setup([sys.argv[0], *sys.argv[3:]], noting(chosen.read, folder), custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
