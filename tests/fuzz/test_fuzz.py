"""The kept corpora are read as they should be; the long run fuzzes from them for some seconds."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import answers, archives, locks, manifests
from tests.fuzz.running import CORPUS, NAMES, MissingToolError, executed, fuzz, replayer
from tests.fuzz.targets import NAMES as PYTHON_NAMES
from tests.fuzz.targets import noting, target

SECONDS = 8
#: Bytes of all kept corpora together.
LARGEST = 200_000


@pytest.mark.parametrize("name", PYTHON_NAMES)
def test_the_kept_inputs_are_read_or_refused(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs
    for path in inputs:
        target(name).read(path.read_bytes())


def test_the_native_launcher_reads_the_kept_inputs(tmp_path: Path) -> None:
    program = replayer(tmp_path)
    if program is None:
        pytest.skip("no compiler with sanitizers")
    inputs = sorted((CORPUS / "start_file").iterdir())
    assert inputs
    ended = subprocess.run([*program, *inputs], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"{len(inputs)} read\n"


@pytest.mark.parametrize("module", [manifests, locks, answers, archives])
def test_valid_inputs_are_in_the_corpus(module: Any) -> None:
    for name, data in module.seeds().items():
        assert (CORPUS / module.__name__.rpartition(".")[2] / name).read_bytes() == data


def test_the_corpora_are_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) <= LARGEST


def test_a_finding_is_kept_once_and_named(tmp_path: Path) -> None:
    def read(data: bytes) -> None:
        assert data != b"wrong", "no input is so"

    note = noting(read, tmp_path)
    for data in (b"right", b"wrong", b"wrong"):
        note(data)
    found, words = sorted(tmp_path.iterdir())
    assert found.read_bytes() == b"wrong"
    assert "no input is so" in words.read_text()


def test_executions_are_counted_also_of_a_run_that_was_cut_off() -> None:
    assert executed("#10\tINITED\n#64\tNEW cov: 1\n") == 64
    assert executed("#64\tNEW cov: 1\nstat::number_of_executed_units: 99\n") == 99
    assert executed("") == 0


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_seconds_of_fuzzing_find_nothing(name: str, tmp_path: Path) -> None:
    try:
        outcome = fuzz(name, tmp_path, SECONDS)
    except MissingToolError as error:
        pytest.skip(str(error))
    print(outcome)
    assert outcome.executions > 100
    assert outcome.findings == ()
