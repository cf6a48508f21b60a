"""Entry of a module: what a host calls in an instance by running a line of Python, see wenv/launcher/c_api.py."""

import _signal
import gc
import sys
from typing import NoReturn

import _host  # type: ignore[import-not-found]

from ..bake import baking
from ..network import door
from ..platform import plots
from ..processes import pipes
from ..program import program, streams
from . import services
from .before_saving import settle

#: Flags that are set because nothing was to be read when the interpreter started.
UNUSUAL = ("no_site", "no_user_site", "isolated", "safe_path", "ignore_environment")
#: What the guest sends before and after it is interrupted; no reply begins like this.
BEFORE, AFTER = b"?before", b"?after"


def start() -> None:
    """Make the interpreter ready, once; the modules have been moved (see `relocate`)."""
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    streams.output = streams.Pipe
    door.link(as_bytes=_host.call)
    sys.flags = usual_flags()  # type: ignore[assignment]
    settle()
    pipes.make_open()
    gc.collect()
    gc.freeze()


class Flags(tuple[object, ...]):
    """What ``sys.flags`` is: like the interpreter's own, which cannot be changed, but as of a usual start."""

    __slots__ = ()


def usual_flags() -> Flags:
    """The interpreter's flags without those that say that it was started by itself, of which programs draw wrong conclusions:
    ``traceback`` would explain each missing module by them."""
    names = [name for name in dir(sys.flags) if not name.startswith(("_", "n_")) and name not in ("count", "index")]
    for name in names:
        value = getattr(sys.flags, name)
        setattr(Flags, name, type(value)(0) if name in UNUSUAL else value)
    return Flags(getattr(Flags, name) for name in names)


def main(request: str) -> NoReturn:
    """Run the program that the request names, and end what called this with its status."""
    raise SystemExit(program.main(request))


def answer(name: str, argument: str) -> None:
    """Call a service, and send the host what came of it."""
    ok, value = services.call(name, argument)
    _host.call((b"+" if ok else b"-") + value.encode())


def bake(order: baking.Order) -> None:
    """Import what was ordered, and leave the memory as it is to be saved."""
    baking.bake(order, baking.CODE)
    gc.collect()
    gc.freeze()


def show_interrupt(real: bool) -> None:
    """Interrupt this interpreter between two messages to the host: what is different in its memory then is an interrupt.

    If it is not `real`, nothing happens in between, for comparison.  No Python runs there, which would see the interrupt.
    """
    from _thread import interrupt_main
    from functools import partial
    from operator import call

    steps = [partial(_host.call, BEFORE), interrupt_main if real else bool, partial(_host.call, AFTER)]
    try:
        list(map(call, steps))
    except KeyboardInterrupt:
        return


assert plots.FOLDER  # in memory for matplotlib, which imports it by name
services.SERVICES |= {"bake": bake, "show_interrupt": show_interrupt}
