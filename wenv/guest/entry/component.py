"""Entry of the component: the functions that it exports to a host."""

import gc
import random  # noqa: F401  componentize-py imports it once this module has been imported
import sys

from wit_world import exports
from wit_world.exports import session

try:
    from wit_world.imports import host
except ImportError:  # packed: its host knows nothing of ours
    host = None
from ..bake.baking import bake_if_ordered
from ..imports import importer
from ..network import door, system
from ..pack import archive
from ..platform import files, waits
from ..program import program
from . import packed, services
from .before_saving import blank_free_memory, keep_standard_library, settle

if host is not None:
    door.link(text=host.ask)
else:
    door.without = system.NO_TLS
    system.link()
keep_standard_library()
files.apply(waits.Builtin)
settle()
bake_if_ordered()
importer.forget_folders()
gc.collect()
if archive.entry is not None:  # for its size; it makes the heap larger, which costs others 1.5 ms at each start
    blank_free_memory()
gc.freeze()  # no collection ever walks what is in the component: each page that it touched would be copied


class Run(exports.Run):  # type: ignore[misc]
    """``wasi:cli/run``: what a plain ``wasmtime run`` of the component calls."""

    def run(self) -> None:
        if archive.entry is not None:
            return packed.run()
        sys.stderr.write("This component holds a Python environment's interpreter; start it with `wenv run`.\n")
        raise SystemExit(1)


class Session(exports.Session):  # type: ignore[misc]
    """``wenv:env/session``: what wenv's own host calls."""

    def main(self, request: str) -> int:
        return program.main(request)

    def call(self, name: str, argument: str) -> session.Reply:
        ok, value = services.call(name, argument)
        return session.Reply(ok, value)
