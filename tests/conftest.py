"""Fixtures: one store for all tests that need the runtime (it takes 15 s to build), and the command line as users start it."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.helpers.fork_server import Client
from tests.helpers.python_headers import available_headers
from wenv.environment.kinds import Kind
from wenv.locations import cache_folder, data_folder
from wenv.runtimes import Runtime, default_runtime
from wenv_cache.store import Store
from wenv_resolver.progress import Silent
from wenv_resolver.target import Target

COMMANDS = Client()


@dataclass
class Wenv:
    """Runs the command line in a folder of its own, with the shared store and environments of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: str = "", status: int | None = 0, timeout: float = 300) -> str:
        """Run ``wenv ARGUMENTS``; returns standard output.  Fails unless it exits with `status` (None: any)."""
        return self.result(*arguments, stdin=stdin, status=status, timeout=timeout).stdout

    def result(self, *arguments: str, stdin: str = "", status: int | None = 0, timeout: float = 300) -> "CompletedProcess[str]":
        """The same; returns output, errors and status."""
        result = COMMANDS.run(arguments, self.folder, self.environment, stdin, timeout)
        if status is not None and result.returncode != status:
            pytest.fail(f"wenv {arguments} exited {result.returncode}, expected {status}\n{result.stdout}\n{result.stderr}")
        assert "Traceback" not in result.stderr or "wenv/cli" not in result.stderr, result.stderr
        return result

    def json(self, *arguments: str) -> Any:
        """What a command prints with ``--json``."""
        return json.loads(self(*arguments, "--json"))

    def python(self, code: str, *, status: int = 0, options: tuple[str, ...] = ()) -> str:
        """Run code in the folder's environment."""
        return self("run", *options, "-c", code, status=status)


#: What a test asks for that needs an interpreter, the package index, or minutes.
_NEEDS_MORE = {"runtime", "headers"}
_NO_UNITS = {"docs", "dist", "escape", "fire", "fuzz", "old", "runtimes", "test_hostile_files.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs neither network nor WebAssembly; let one file make the scientific runtime while others do without it."""
    scientific = {item.path for item in items if "scientific" in item.nodeid or item.path.name == "test_examples.py"}
    first = Path(__file__).parent / "runtimes" / "test_scientific.py"
    items.sort(key=lambda item: (item.path != first, item.path in scientific))
    for item in items:
        places = Path(item.path).relative_to(Path(__file__).parent).parts
        needs = _NEEDS_MORE.intersection(getattr(item, "fixturenames", ()))
        if not needs and _NO_UNITS.isdisjoint(places) and item.get_closest_marker("long") is None:
            item.add_marker(pytest.mark.unit)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for this run of the tests, the same for all of pytest-xdist's workers."""
    if given := os.environ.get("WENV_TEST_CACHE"):
        return Path(given)
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-cache"
    folder.mkdir(mode=0o700, exist_ok=True)  # as wenv makes it
    return folder


@pytest.fixture(scope="session")
def runtime(shared_cache: Path) -> Runtime:
    """The default runtime, prepared."""
    made = default_runtime(Store(shared_cache))
    with made.store.writing():
        made.prepare(Silent())
    return made


@pytest.fixture(scope="session")
def target(runtime: Runtime) -> Target:
    """What the default runtime's guest says it is."""
    return runtime.target(Silent())


@pytest.fixture(scope="session")
def headers(shared_cache: Path) -> Path:
    """CPython's headers of the target's version; skips where there are none."""
    from filelock import FileLock

    if given := os.environ.get("WENV_PYTHON_HEADERS"):
        return Path(given)
    folder = shared_cache.with_name("python-headers")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        found = available_headers(folder)
    if found is None:
        pytest.skip("no headers of Python 3.14: install it, or set WENV_PYTHON_HEADERS")
    return found


@pytest.fixture
def builds(wenv: "Wenv", headers: Path) -> "Wenv":
    """The command line, where packages can be built."""
    wenv.environment["WENV_PYTHON_HEADERS"] = str(headers)
    return wenv


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the user's environments or store."""
    monkeypatch.setenv("WENV_CACHE_DIR", str(shared_cache))
    monkeypatch.setenv("WENV_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("WENV_ENVIRONMENT", raising=False)
    cache_folder.cache_clear()
    data_folder.cache_clear()
    yield
    cache_folder.cache_clear()
    data_folder.cache_clear()


@pytest.fixture
def wenv(tmp_path: Path, runtime: Runtime, own_folders: None) -> Wenv:
    """The command line, in an empty folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Wenv(folder, dict(os.environ))


def copy_runtime(runtime: Runtime, own: Store) -> None:
    """Give a store the runtime of another, and nothing else."""
    shared = runtime.store
    for entry in runtime.derived_entries():
        name, _, key = entry.partition("/")
        if not shared.derived_folder(name, key).is_dir():
            continue  # not every run needs all of them
        shutil.copytree(shared.derived_folder(name, key), own.derived_folder(name, key))
    for digest in runtime.layers():
        shutil.copytree(shared.layer_folder(digest), own.layer_folder(digest))
        for file in shared.manifest(digest).files:
            blob = own.blob(file.sha256, file.executable)
            blob.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(shared.blob(file.sha256, file.executable), blob)


@pytest.fixture
def fresh(wenv: Wenv, tmp_path: Path, runtime: Runtime) -> Wenv:
    """The command line with a store of its own that has the runtime, and nothing of other tests."""
    own = Store(tmp_path / "cache")
    copy_runtime(runtime, own)
    wenv.environment["WENV_CACHE_DIR"] = str(own.root)
    return wenv


@pytest.fixture
def empty(wenv: Wenv) -> Wenv:
    """The command line, in a folder with an environment that holds no packages."""
    wenv("create")
    return wenv


def empty_of_each_runtime(request: pytest.FixtureRequest, wenv: Wenv) -> Wenv:
    """The same, for test modules that hold for both runtimes: a fixture called `empty` there, with `RUNTIMES` as its params."""
    wenv("create", "--runtime", request.param, timeout=900)
    return wenv


RUNTIMES = [kind.value for kind in Kind]


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder for wheels."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder
