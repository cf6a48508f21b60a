"""Which module adds which command."""

from importlib import import_module

import pytest
import typer

from wenv.cli.main import MODULES

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("module", MODULES)
def test_a_module_adds_the_commands_that_the_table_says(module: str) -> None:
    app = typer.Typer()
    import_module(f"wenv.cli.{module}").register(app)
    found = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    found += [group.name for group in app.registered_groups if isinstance(group.name, str)]
    assert tuple(found) == MODULES[module]
