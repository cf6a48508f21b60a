"""Programs that use threads, on a platform without: patterns of `thread_patterns.py`, which must not hang."""

import re
from pathlib import Path

import pytest

from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)
PROGRAM = Path(__file__).with_name("thread_patterns.py")
NAMES = re.findall(r"^@pattern\ndef (\w+)", PROGRAM.read_text(), re.MULTILINE)
PACKAGES = ("tqdm", "joblib", "apscheduler", "requests_futures", "s3transfer", "anyio_threads", "starlette_client")


def check(wenv: Wenv, *names: str) -> None:
    done = wenv.result("run", "--timeout", "60", "-W", "ignore", str(PROGRAM), *names)
    assert done.stdout.split() == list(names)


def test_patterns_of_the_standard_library(empty: Wenv) -> None:
    check(empty, *(name for name in NAMES if name not in PACKAGES))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_packages_that_start_threads(wenv: Wenv, runtime: str) -> None:
    needed = ("tqdm", "joblib", "apscheduler", "requests-futures", "boto3", "anyio", "starlette", "httpx")
    wenv("create", "--runtime", runtime, *needed, timeout=900)
    check(wenv, *PACKAGES)


def test_threads_run_before_the_program_ends(empty: Wenv) -> None:
    code = "import threading; threading.Thread(target=lambda: print('ran')).start(); print('main')"
    assert empty("run", "-c", code) == "main\nran\n"
    assert empty("run", "-c", code.replace(").start", ", daemon=True).start")) == "main\n"
