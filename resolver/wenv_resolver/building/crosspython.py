"""Makes the host's Python answer for the target while build code of a package runs in it; imported as ``sitecustomize``.

What build systems ask about the machine that they build for comes from sysconfig, which CPython lets one redirect
(``_PYTHON_SYSCONFIGDATA_NAME``), from `platform`, and from packaging.tags, of which many keep a copy; the last two are answered
here.  ``sys.platform`` and ``os.name`` stay the host's: build code also works on the host with them.
"""

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class TagsFinder:
    """Finds packaging.tags, whoever's copy it is, and adds the target's tags to those of the host when it is executed."""

    @staticmethod
    def find_spec(name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None) -> "ModuleSpec | None":
        """As importlib's finders; None for other modules."""
        spec = PathFinder.find_spec(name, path, target) if name.endswith("packaging.tags") else None
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                add_target(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def add_target(module: Any) -> None:
    """Let ``sys_tags`` begin with the target's."""
    hosts, tag = module.sys_tags, module.Tag
    major, minor = os.environ["WENV_TARGET_VERSION"].split(".")[:2]
    own, machine = f"cp{major}{minor}", os.environ["_PYTHON_HOST_PLATFORM"]

    def sys_tags(**options: Any) -> "Iterator[Any]":
        yield tag(own, own, machine)
        for older in range(int(minor), 1, -1):
            yield tag(f"cp{major}{older}", "abi3", machine)
        yield tag(f"py{major}", "none", machine)
        yield from hosts(**options)

    module.sys_tags = sys_tags


if "WENV_TARGET_VERSION" in os.environ:
    _version, _machine = os.environ["WENV_TARGET_VERSION"], os.environ["WENV_TARGET_MACHINE"]
    platform.python_version = lambda: _version
    platform.python_version_tuple = lambda: tuple(_version.split("."))  # type: ignore[assignment,return-value]
    platform.machine = lambda: _machine
    platform.processor = lambda: ""
    sys.meta_path.insert(0, TagsFinder)
