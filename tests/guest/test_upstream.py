"""Upstream test suites, run by a plain ``wenv run pytest``, unbaked and baked, and packed, against the same natively."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RUNTIMES, Wenv
from tests.helpers.upstream import native_python, passed, unpacked
from tests.pack.machine import machine
from wenv.environment.kinds import Kind

#: A file of tests that cannot be imported is a difference like any other.
PYTEST = ("-q", "--continue-on-collection-errors")
SUITES: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "upstream.toml").read_text("utf-8"))


def packed_run(wenv: Wenv, folder: Path, reports: Path) -> None:
    """Run a suite in a packed component, where all its files are in memory, by wasmtime's executable."""
    wenv("pack", "-n", "suite", "-m", "pytest", ".", "-o", str(reports / "suite.wasm"))
    tests = next(name for name in ("tests", "test") if (folder / name).is_dir())
    run = machine(reports, reports / "suite.wasm")
    host = ("-W", "max-wasm-stack=1900000", "--dir", f"{reports}::/reports")
    run.result(*PYTEST, "--junitxml=/reports/packed.xml", f"/app/{tests}", host=host)


@pytest.mark.long
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", SUITES)
def test_suite(wenv: Wenv, tmp_path: Path, name: str, runtime: str) -> None:
    suite = SUITES[name]
    pinned, reports = f"{name}=={suite['version']}", tmp_path / "reports"
    reports.mkdir()
    folder = unpacked(pinned, tmp_path, wenv.folder)
    inside = Wenv(folder, wenv.environment)

    python = native_python(tmp_path / "native", "pytest", pinned, *suite["needs"])
    command = [str(python), "-m", "pytest", *PYTEST, f"--junitxml={reports / 'native.xml'}"]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)

    inside("create", "-n", "suite", "--runtime", runtime, "pytest", pinned, *suite["needs"], timeout=900)
    share = ("--mount", f"{reports}:/reports:rw")
    run = ("run", "-n", "suite", *share, "pytest", *PYTEST)
    inside(*run, "--junitxml=/reports/guest.xml", status=None, timeout=1200)
    inside("bake", "-n", "suite")
    inside(*run, "--junitxml=/reports/baked.xml", status=None, timeout=1200)

    natively, guest, baked = (passed(reports / f"{name}.xml") for name in ("native", "guest", "baked"))
    print(f"{pinned}, {runtime}: {len(guest)} passed inside, {len(baked)} baked, {len(natively)} natively")
    assert baked == guest
    if runtime == Kind.DEFAULT:
        packed_run(inside, folder, reports)
        packed = {test.removeprefix("app.") for test in passed(reports / "packed.xml")}
        others = {test for test in packed ^ guest if not test.startswith(tuple(suite.get("packed", ())) or ("\0",))}
        assert not others, sorted(others)
    missing = {test for test in natively - guest if not test.startswith(tuple(suite["differences"]) or ("\0",))}
    assert guest
    assert not missing, sorted(missing)[:20]
