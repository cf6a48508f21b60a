"""Servers for the tests of a folder."""

from collections.abc import Iterator

import pytest

from tests.helpers import servers


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Site]:
    """A web server without and with TLS."""
    with servers.site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def canary() -> Iterator[servers.Counting]:
    """A server that nothing may reach; a contact fails the test."""
    with servers.counting() as server:
        yield server
        assert server.contacts == 0
