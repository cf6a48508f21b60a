"""What the tests of runtimes have in common."""

from pathlib import Path

import pytest

from tests.conftest import Wenv
from wenv.environment.kinds import Kind
from wenv.runtimes import Runtime, runtime_of
from wenv_cache.store import Store
from wenv_resolver.progress import Silent


@pytest.fixture(scope="session")
def scientific(shared_cache: Path) -> Runtime:
    """The runtime, prepared."""
    made = runtime_of(Store(shared_cache), Kind.SCIENTIFIC)
    with made.store.writing():
        made.prepare(Silent())
    return made


@pytest.fixture
def lab(wenv: Wenv, scientific: Runtime) -> Wenv:
    """An environment with nothing but what the runtime holds."""
    wenv("create", "numpy", "pandas", "matplotlib")
    return wenv


def said(wenv: Wenv, *arguments: str, status: int = 0) -> str:
    """What a command says to people."""
    return wenv.result(*arguments, status=status).stderr
