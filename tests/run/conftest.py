"""Sessions of the scientific runtime inside the tests' own process are of the long run: the whole interpreter is compiled once
more for them, which takes a minute and a half of both cores."""

import pytest

IN_PROCESS = ("in process", "test_a_wait_is_still_a_builtin_function")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        if "scientific" in item.nodeid and any(name in item.nodeid for name in IN_PROCESS):
            item.add_marker(pytest.mark.long)
