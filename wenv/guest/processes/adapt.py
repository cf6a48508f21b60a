"""What changes in the standard library's modules so that they start programs as they do where there are some."""

import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..imports import replaced
from . import children, ends, pipes, semaphores
from .pool import executor_of


def _subprocess(module: Any) -> None:
    module._can_fork_exec, module._fork_exec = True, children.fork_exec
    module._PIPE_BUF = ends.CHUNK
    safe = module._del_safe
    safe.waitpid, safe.waitstatus_to_exitcode = staticmethod(children.waitpid), staticmethod(children.waitstatus_to_exitcode)
    safe.WIFSTOPPED, safe.WSTOPSIG, safe.WNOHANG = staticmethod(os.WIFSTOPPED), staticmethod(os.WSTOPSIG), children.WNOHANG


def watch_children(module: Any) -> None:
    """A program's end is looked for by the loop itself: a thread would wait for it to the end."""

    def add_child_handler(self: object, number: int, callback: Callable[..., object], *arguments: object) -> None:
        loop = module.events.get_running_loop()

        def look(pause: float) -> None:
            try:
                found, status = children.waitpid(number, children.WNOHANG)
            except ChildProcessError:
                found, status = number, 255 << 8
            if found:
                callback(number, children.waitstatus_to_exitcode(status), *arguments)
            else:
                loop.call_later(pause, look, min(2 * pause, 0.05))

        look(0.001)

    module._ThreadedChildWatcher.add_child_handler = add_child_handler


def _context(module: Any) -> None:
    """There is one way to start a program: a fresh interpreter."""
    for name in ("fork", "forkserver"):
        module._concrete_contexts.pop(name, None)
    spawn = module._concrete_contexts["spawn"]
    module._default_context = module.DefaultContext(spawn)
    module.BaseContext.cpu_count = lambda self: children.processors()[0]


def _spawn(module: Any) -> None:
    def spawn_main(pipe_handle: int, parent_pid: int | None = None, tracker_fd: int | None = None) -> None:
        sys.exit(module._main(pipe_handle, None))

    module.spawn_main = spawn_main


def _process(module: Any) -> None:
    """The end of the parent is the end of a program here, so nobody has to watch for it."""
    parent = module._ParentProcess
    parent.wait = lambda self, timeout=None: None
    parent.is_alive = lambda self: True


def _resource_tracker() -> ModuleType:
    """`multiprocessing.resource_tracker`, which has nothing to do: nothing outlives the programs that used it."""
    made = ModuleType("multiprocessing.resource_tracker")

    def nothing(*_: object) -> int:
        return -1

    vars(made).update(dict.fromkeys(("ensure_running", "register", "unregister", "getfd"), nothing))
    vars(made).update(_resource_tracker=made, _fd=-1)
    return made


def _connection(module: Any) -> None:
    plain = module.Pipe

    def pipe(duplex: bool = True) -> Any:
        if not duplex:
            return plain(False)
        return tuple(map(module.Connection, ends.pair()))

    pipe.__name__ = pipe.__qualname__ = "Pipe"
    module.Pipe = pipe


def _queues(module: Any) -> None:
    """What is put into a queue is sent at once: a thread that sends would wait for more, and nobody else would run."""

    def put(self: Any, obj: object, block: bool = True, timeout: float | None = None) -> None:
        if self._closed:
            raise ValueError(f"Queue {self!r} is closed")
        if not self._sem.acquire(block, timeout):
            raise module.Full
        data = module._ForkingPickler.dumps(obj)
        if isinstance(self, module.JoinableQueue):
            self._unfinished_tasks.release()
        with self._wlock:
            self._writer.send_bytes(data)

    module.Queue.put = module.JoinableQueue.put = put


def _executor(module: Any) -> None:
    module.ProcessPoolExecutor = executor_of(module)


ADAPTED: dict[str, Callable[[ModuleType], None]] = {
    "subprocess": _subprocess,
    "multiprocessing.context": _context,
    "multiprocessing.spawn": _spawn,
    "multiprocessing.process": _process,
    "multiprocessing.connection": _connection,
    "multiprocessing.queues": _queues,
    "concurrent.futures.process": _executor,
}


def install() -> None:
    """Put all of it in place, before what uses it is imported."""
    pipes.install()
    children.install()
    replaced.put("_multiprocessing", semaphores.module())
    replaced.put("multiprocessing.resource_tracker", _resource_tracker())
    for name, adapt in ADAPTED.items():
        if name in sys.modules:
            adapt(sys.modules[name])
