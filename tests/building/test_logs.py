"""What is shown of a failed build: the lines that tell."""

from pathlib import Path

import pytest

from wenv_resolver.building.logs import failed_step, last_words
from wenv_resolver.building.recipes import impossible

START = "wenv: now installing what its build needs\nCollecting setuptools\nwenv: now asking what its build needs\n"
LOGS = {
    "a package that ends its build": (
        (
            "This package is deprecated, use 'other'\nrather than this one.\n\nHow to go on:\n- use 'other'\n"
            "Backend subprocess exited when trying to invoke get_requires_for_build_wheel\n"
        ),
        ["This package is deprecated, use 'other'", "rather than this one.", "How to go on:", "- use 'other'"],
    ),
    "an exception": (
        (
            'looking for things\nTraceback (most recent call last):\n  File "setup.py", line 3\n    raise RuntimeError\n'
            "RuntimeError: libthing is not there\n"
        ),
        ["RuntimeError: libthing is not there"],
    ),
    "a compiler": (
        "running build_ext\nbuilding 'x'\nx.c:1:10: fatal error: 'thing.h' file not found\n1 error generated.\n",
        ["x.c:1:10: fatal error: 'thing.h' file not found"],
    ),
    "a long log without a word of errors": (
        "\n".join(f"line {number}" for number in range(100)),
        [f"line {n}" for n in range(94, 100)],
    ),
    "cmake": (
        "-- looking\nCMake Error at CMakeLists.txt:3 (find_package):\n-- Configuring incomplete\n",
        ["CMake Error at CMakeLists.txt:3 (find_package):"],
    ),
}


@pytest.mark.parametrize("name", LOGS)
def test_the_lines_that_tell_are_shown(tmp_path: Path, name: str) -> None:
    text, expected = LOGS[name]
    log = tmp_path / "log"
    log.write_text(START + text)
    assert last_words(log).splitlines() == expected
    assert failed_step(log) == "asking what its build needs failed"


def test_what_cannot_be_built_has_a_reason() -> None:
    assert impossible("Psycopg2_binary") == "needs libpq, a C library that it does not bring"
    assert impossible("toolz") is None
