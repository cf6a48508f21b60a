"""The test suites of requests, urllib3 and httpx in the sandbox, against their own servers, and the same natively."""

import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RUNTIMES, Wenv
from tests.helpers.upstream import native_python, passed, unpacked

UPSTREAM = Path(__file__).with_name("upstream")
SUITES: dict[str, dict[str, Any]] = tomllib.loads((UPSTREAM / "suites.toml").read_text("utf-8"))
#: Their filters of warnings name modules that only others of their tests import; `timeout` wants signals.
PYTEST = ("-q", "-p", "on_host", "-p", "no:httpbin", "-p", "no:cacheprovider", "-o", "filterwarnings=", "-rfE", "--tb=line",
          "--continue-on-collection-errors")  # fmt: skip


@contextmanager
def host(python: Path, folder: Path) -> Iterator[str]:
    """What a suite asks for servers and certificates: its port."""
    command = [str(python), str(UPSTREAM / "host.py")]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.communicate()


@pytest.mark.long
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", SUITES)
def test_suite(wenv: Wenv, tmp_path: Path, name: str, runtime: str) -> None:
    suite = SUITES[name]
    pinned, reports = f"{name}=={suite['version']}", tmp_path / "reports"
    reports.mkdir()
    folder = unpacked(pinned, tmp_path, wenv.folder)
    inside = Wenv(folder, wenv.environment)
    python = native_python(tmp_path / "native", "pytest", pinned, *suite["needs"], *suite["host"])
    inside("create", "-n", "suite", "--runtime", runtime, "pytest", pinned, *suite["needs"], timeout=900)

    with host(python, folder) as port:
        variables = {"HOST_PORT": port, "PYTHONPATH": str(UPSTREAM)}
        command = [str(python), "-m", "pytest", *PYTEST, f"--junitxml={reports / 'native.xml'}"]
        subprocess.run(command, cwd=folder, env=variables, capture_output=True, check=False)
    with host(python, folder) as port:
        net = [word for each in ("localhost", "127.0.0.1", "::1", *suite["net"]) for word in ("--net", each)]
        share = ("--mount", f"{reports}:/reports:rw", "--mount", f"{UPSTREAM}:/plugins", "--env", "PYTHONPATH=/plugins")
        run = ("run", "-n", "suite", *net, *share, "--env", f"HOST_PORT={port}", "-m", "pytest")
        left_out = [f"--ignore={file}" for file in suite.get("ignored", ())]
        said = inside.result(*run, *PYTEST, *left_out, "--junitxml=/reports/guest.xml", status=None, timeout=1200)

    natively, guest = (passed(reports / f"{each}.xml") for each in ("native", "guest"))
    missing = {test for test in natively - guest if not any(piece in test for piece in suite["differences"])}
    print(f"{pinned}, {runtime}: {len(guest)} passed inside, {len(natively)} natively, {len(natively & guest)} of them both")
    assert guest, said.stdout + said.stderr
    if missing:
        pytest.fail("passes natively and not inside:\n" + "\n".join(sorted(missing)), pytrace=False)
