"""Imports modules one by one, to learn which can be."""

import importlib
from typing import TypedDict

from ..program import program
from ..request import Request


class Order(TypedDict):
    """What to import, in which run."""

    request: Request
    modules: list[str]


def imports(order: Order) -> dict[str, dict[str, str]]:
    """What could not be imported: for each module a `reason`, and which module was `missing` if that was it."""
    program.prepare(order["request"])
    failures: dict[str, dict[str, str]] = {}
    for name in order["modules"]:
        with open(f"{order['request']['control']}/importing", "w") as file:  # should the sandbox end, the host knows where
            file.write(name)
        try:
            importlib.import_module(name)
        except BaseException as error:
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            failures[name] = {"reason": f"{type(error).__name__}: {error}", "missing": missing or ""}
    return failures
