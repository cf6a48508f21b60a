"""Hundreds of programs try to leave the sandbox, in each way of starting one: none succeeds, and the host is as it was."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.escape import place
from tests.escape.conftest import Places
from tests.escape.programs import SUBJECTS
from tests.escape.ways import WAYS, Report, attempted, read_report
from wenv.environment.kinds import Kind
from wenv.run import start_file

#: At least so many must have been tried.
ATTEMPTS = 300
#: Where a packed component has no folder of the sandbox's own, there is nothing to aim at.
PACKED_TARGETS = 3


def lines(rows: object) -> str:
    """Rows to read in a failure."""
    assert isinstance(rows, list)
    return "\n".join(f"{row['outcome']:10} {row['name']}: {row['detail']}" for row in rows)


def assert_nothing(report: Report, *, targets: int = 6, least: int = ATTEMPTS) -> None:
    """All were tried, none succeeded, and nothing of the host has changed."""
    assert report.whole, (
        f"stopped after {len(report.rows)}, status {report.status}\n{lines(list(report.rows[-3:]))}\n{report.errors}"
    )
    assert len(report.rows) >= least
    assert len({row["name"] for row in report.rows}) == len(report.rows)
    assert len(report.targets) >= targets, report.targets
    bad = report.of("succeeded", "unclear")
    assert not bad, lines(bad)
    assert report.changed == []
    assert report.contacts == []


def needs(way: str) -> None:
    """Skip what cannot be started on this machine."""
    if way == "native" and not start_file.has_native_launcher():
        pytest.skip("no compiler has built the native launcher")
    if way == "packed" and find_spec("wasmtime_cli") is None:
        pytest.skip("no wheel of wasmtime's executable for this platform")


@pytest.mark.parametrize("way", ["native", "api"])
def test_no_attempt_succeeds(places: Places, way: str) -> None:
    needs(way)
    assert_nothing(attempted(places(Kind.DEFAULT, False), WAYS[way]))


CASES = [
    (way, kind, baked)
    for kind in Kind
    for baked in (False, True)
    for way in WAYS
    if (way, kind) != ("packed", Kind.SCIENTIFIC)  # environments of it cannot be packed
    and (kind, baked, way) not in {(Kind.DEFAULT, False, "native"), (Kind.DEFAULT, False, "api")}
]


@pytest.mark.long
@pytest.mark.parametrize(
    ("way", "kind", "baked"), CASES, ids=[f"{w}-{k.value}-{'baked' if b else 'plain'}" for w, k, b in CASES]
)
def test_no_attempt_succeeds_in_any_way(places: Places, way: str, kind: Kind, baked: bool) -> None:
    needs(way)
    report = attempted(places(kind, baked), WAYS[way])
    assert_nothing(report, targets=PACKED_TARGETS if way == "packed" else 6)


def control(folder: Path, *words: str) -> Report:
    """Attempts by this Python, without a sandbox."""
    place.make_race(folder / "race", folder / "live" / "outside")
    listeners = place.Listeners(folder / "door")
    try:
        with place.inherited(folder / "secrets") as secrets, place.swinging(folder / "race"):
            before = place.state(folder / "secrets")
            result = subprocess.run(
                [sys.executable, "-m", "tests.escape.control", str(folder), str(listeners.tcp), str(listeners.udp), *words],
                env={**os.environ, "ESCAPE_SECRET": place.SECRET},
                cwd=Path(__file__).parents[2],
                capture_output=True,
                text=True,
                pass_fds=secrets.descriptors,
            )
            changed = place.differences(before, place.state(folder / "secrets"))
        return read_report(result.stdout, changed, listeners.contacts(), result.returncode, result.stderr)
    finally:
        listeners.close()


def assert_all_succeed(report: Report, least: int) -> None:
    """An attempt that does not succeed where nothing holds it back would say nothing about a sandbox."""
    assert report.whole, report.errors
    assert len(report.rows) >= least
    others = report.of("refused", "harmless", "unclear")
    assert not others, lines(others)


def test_attempts_succeed_without_a_sandbox(tmp_path: Path) -> None:
    assert_all_succeed(control(tmp_path, "10"), 50)


@pytest.mark.long
def test_all_attempts_succeed_without_a_sandbox(tmp_path: Path) -> None:
    report = control(tmp_path)
    assert_all_succeed(report, 500)
    assert {contact.split()[0] for contact in report.contacts} == {"tcp", "udp", "unix"}


def test_changes_are_noticed(tmp_path: Path) -> None:
    work, outside = place.prepare(tmp_path, special=True)
    with place.inherited(tmp_path / "secrets") as secrets:
        before = place.state(work, outside, tmp_path / "secrets")
        assert place.differences(before, place.state(work, outside, tmp_path / "secrets")) == []
        os.write(secrets.descriptors[3], b"x")
        (work / "plain.txt").chmod(0o600)
        os.utime(work / "module.py", ns=(1, 1))
        about = (outside / "flag.txt").stat()
        (outside / "flag.txt").write_text("GALF-7f3a9c\n")
        os.utime(outside / "flag.txt", ns=(about.st_atime_ns, about.st_mtime_ns))
        (work / "relative_link").unlink()
        (work / "relative_link").symlink_to("../outside/spare.txt")
        changed = place.differences(before, place.state(work, outside, tmp_path / "secrets"))
    expected = [work, work / "plain.txt", work / "module.py", work / "relative_link", outside / "flag.txt", secrets.paths[3]]
    assert changed == sorted(str(path) for path in expected)


def test_every_file_of_attempts_is_tried() -> None:
    files = {path.stem for path in (Path(__file__).parent / "programs").glob("*.py")}
    assert files - {"__init__", "given"} == set(SUBJECTS)
