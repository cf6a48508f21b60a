"""The process that keeps the programs which a run has started: it starts them, counts them against the run's limits, ends them.

It is started by whoever runs the first program (`wenv.launcher.children`), and told by it what that one was given: a started
program gets the same folders and limits, and nothing more.  What a guest orders is believed in nothing.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, TypedDict

from wenv.children.errors import RefusedError
from wenv.children.orders import Orders
from wenv.children.usage import memory_of
from wenv.guest.command_line import CommandLine, CommandLineError, parse
from wenv.guest.request import LIMIT_STATUS
from wenv.launcher import plan as plans
from wenv.launcher.children import BARE, EVENT, PACKAGES, WHOLE, receive, send
from wenv.launcher.guest_paths import INTERPRETER, TEMPORARY
from wenv.launcher.limits import LOOK, Bounds, Usage, lift_limits, measure
from wenv.launcher.preopens import Preopen, with_editables
from wenv.launcher.private_folders import PrivateFolders

#: What a started program's process is.
CHILD = "import sys; sys.path.append(sys.argv[1]); from wenv.children.child import main; main(int(sys.argv[2]))"
#: Seconds for which a program that was interrupted may compute on without hearing of it.
PATIENCE = 2.0
#: Names by which a program calls its own interpreter.
PYTHONS = ("python", "python3", INTERPRETER)


class Told(TypedDict, total=False):
    """What the launcher of a run tells."""

    plan: dict[str, Any]
    """The launch plan; or where it lies: `registry` and `folder`."""
    registry: str
    folder: str
    request: dict[str, Any]
    """What the first program was told (wenv/guest/request.py)."""
    shared: list[Preopen]
    root: str
    """The private folder of the first program's run, whose ``/tmp`` all see."""
    policy: dict[str, Any]
    """As `wenv.policy.policy.Policy.as_json`; that of the plan if nothing is said."""
    inherits: bool
    """Whether programs may have the standard streams of this process."""
    bytes: bool
    """Whether the first guest's door takes bytes."""
    network: dict[str, Any] | None
    """What brokers are made of (`wenv.run.outside.RemoteOutside`)."""


class Child:
    """One started program; `orders` answers what it orders itself."""

    def __init__(self, number: int, process: "subprocess.Popen[bytes]", folders: PrivateFolders, orders: Orders) -> None:
        self.number, self.process, self.folders, self.orders = number, process, folders, orders
        self.status: int | None = None
        #: What it ended with if a limit ended it, or an interrupt that it did not hear by `heard_until`.
        self.limit: int | None = None
        self.heard_until: float | None = None

    def interrupt(self) -> None:
        """Ask for a KeyboardInterrupt; a program that does not wait for anything hears nothing, and is ended after a while."""
        self.folders.interrupt()
        self.heard_until = time.monotonic() + PATIENCE

    def kill(self, number: int) -> None:
        """End it by a signal, if it has not ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)


class Keeper:
    """See the module."""

    def __init__(self, told: Told, way: socket.socket, options: Sequence[str] = BARE) -> None:
        plan: Any = told.get("plan") or plans.read(told["registry"], told["folder"])
        if plan is not None:
            told["shared"] = with_editables(plan, told["shared"])
        self._words = "" if plan is not None else "the environment was changed while the program ran"
        self._plan: Mapping[str, Any] = plan or {}
        self.told, self._way, self._options = told, way, options
        self._policy = told.get("policy") or self._plan.get("policy") or {}
        self._bounds = Bounds(self._policy)
        #: Programs that may be alive at once.
        self.most = self._bounds.children
        self.inherits, self.takes_bytes = told.get("inherits", False), told.get("bytes", False)
        self.network = told.get("network")
        self._lock, self._telling = threading.Lock(), threading.Lock()
        self._alive: dict[int, Child] = {}
        self._next = 1
        self._is_over = False
        self._watcher: threading.Thread | None = None

    # -- starting

    def start(
        self, order: Mapping[str, Any], streams: Sequence[int], passed: Mapping[int, socket.socket], parent: Orders
    ) -> Child:
        """Start what a guest has ordered.  `streams` are descriptors of this process, `passed` ends by the guest's numbers.

        Raises RefusedError, ValueError and OSError.
        """
        if self._words:
            raise RefusedError("EACCES", self._words)
        request = self._request(order)
        with self._lock:
            if self._is_over or len(self._alive) >= self.most:
                words = f"{self.most} programs are alive, as many as may be (--max-children)"
                raise RefusedError("EAGAIN", words if self.most else "no program may be started (--max-children 0)")
            number, self._next = self._next, self._next + 1
            folders = PrivateFolders(guest for _, guest, _ in self.told["shared"])
            folders.__enter__()
            try:
                request |= {"process": number, "host": [*request["host"], *(["ends"] if passed else [])]}
                child = self._started(number, folders, request, streams, passed)
            except BaseException:
                folders.remove()
                raise
            self._alive[number] = child
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, daemon=True)
                self._watcher.start()
        threading.Thread(target=self._serve, args=(child, parent), daemon=True).start()
        return child

    def _request(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """What the program is told, from what the guest asks for.  Raises RefusedError for what is no program here."""
        words, directory, environment = order["words"], order["directory"], order["environment"]
        texts = [*words, directory, *environment, *environment.values()]
        if not words or not all(isinstance(text, str) and "\0" not in text for text in texts):
            raise ValueError("not a command line")
        if not directory.startswith("/"):
            raise ValueError("not a folder")
        program, scripts = words[0], self._plan["scripts"]
        if program in PYTHONS:
            try:
                line = parse(words[1:])
            except CommandLineError as error:
                raise RefusedError("EINVAL", str(error)) from None
            form: str = "stdin" if line.form == "prompt" else line.form
            if form in ("version", "help"):
                code = "import sys; print('Python', sys.version.partition(' ')[0])"
                form, line = "code", CommandLine("code", code if line.form == "version" else "print('usage: python [FILE]')")
            target, arguments = line.target, list(line.arguments)
        elif program in scripts:
            form, target, line = "entry", scripts[program], CommandLine("script", program)
            arguments = list(words)
        else:
            raise RefusedError("ENOENT", "the sandbox has no other programs than Python and its packages' scripts")
        flags = {"unbuffered": line.unbuffered, "safe_path": line.safe_path, "warnings": list(line.warnings)}
        template, granted = self.told["request"], ["children", *(["network"] if self.network else [])]
        given = {"form": form, "target": target, "arguments": arguments, "directory": directory, "flags": flags}
        own = {"environment": dict(environment), "host": granted, "functions": {}, "databases": []}
        return {**template, **given, **own}

    def _started(
        self,
        number: int,
        folders: PrivateFolders,
        request: dict[str, Any],
        streams: Sequence[int],
        passed: Mapping[int, socket.socket],
    ) -> Child:
        shared = [(host, guest, writable) for host, guest, writable in self.told["shared"]]
        own = [
            (os.path.join(self.told["root"], "tmp"), guest, writable) if guest == TEMPORARY else (host, guest, writable)
            for host, guest, writable in folders.preopens
        ]
        memory = self._policy.get("memory")
        request["terminal"] = request["terminal"] if os.isatty(streams[1]) else None
        ours, theirs = socket.socketpair()
        order = {
            "library": self._plan["library"],
            "executable": plans.executable(self._plan, request, shared, memory),  # type: ignore[arg-type]
            "preopens": [*self._plan["preopens"], *shared, *own],
            "memory": memory,
            "bounds": {name: self._policy.get(name) for name in ("disk", "files", "open_files", "net", "listen")},
            "writes": any(writable for _, _, writable in shared),
            "request": request,
            "network": self.network,
            "exchange": folders.exchange,
            "keeper": os.getpid(),
        }
        orders = Orders(self, ours, takes_bytes=bool(self._plan["memory"]))
        orders.take(passed)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, *self._options, "-c", CHILD, PACKAGES, str(theirs.fileno())],
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                pass_fds=(theirs.fileno(),),
            )
        send(ours, json.dumps(order).encode())
        return Child(number, process, folders, orders)

    def _serve(self, child: Child, parent: Orders) -> None:
        """Answer a program's orders until it ends; then say so to whoever started it."""
        child.orders.serve()
        status = child.process.wait()
        left = child.folders.exit_status()
        child.folders.remove()  # what it kept counts until then
        with self._lock:
            self._alive.pop(child.number, None)
        child.status = child.limit if child.limit is not None else status if left is None or status < 0 else left
        parent.wake()

    # -- limits

    def _watch(self) -> None:
        """Measure what all programs keep and use together, and end those that were started if it is too much."""
        pause = LOOK
        while not self._is_over:
            time.sleep(pause)
            before = time.monotonic()
            with self._lock:
                alive = list(self._alive.values())
            if alive:
                self._look(alive)
            for child in alive:
                if child.heard_until is not None and time.monotonic() > child.heard_until:
                    self._end_unheard(child)
            pause = max(LOOK, time.monotonic() - before)

    def _end_unheard(self, child: Child) -> None:
        child.heard_until = None
        if child.folders.is_interrupted():
            child.limit = -signal.SIGINT
            child.kill(signal.SIGKILL)

    def _look(self, alive: Sequence[Child]) -> None:
        found = Usage()
        root = self.told["root"]
        folders = [os.path.join(root, name) for name in ("tmp", "dev", "private")]
        folders += [folder for child in alive for folder in child.folders.measured if os.path.basename(folder) != "tmp"]
        for folder in folders:
            measure(folder, found, self._bounds)
        limit = self._policy.get("memory")
        if found.size > self._bounds.disk or found.files > self._bounds.files:
            self._end_for(alive, LIMIT_STATUS["disk"], "together with it, its files take more than its disk limit")
        elif limit is not None:
            used = memory_of([os.getppid(), *(child.process.pid for child in alive)])
            if used is not None and used > limit:
                self._end_for(
                    alive[-1:], LIMIT_STATUS["memory"], f"all programs together take more than {limit} bytes of memory"
                )

    def _end_for(self, children: Sequence[Child], status: int, words: str) -> None:
        for child in children:
            child.limit = status
            child.kill(signal.SIGKILL)
        if self.inherits:
            with suppress(OSError):
                os.write(2, f"error: a started program was stopped: {words}\n".encode())

    # -- events and the end

    def tell(self, event: Mapping[str, Any]) -> None:
        """Pass on what a program tried to reach."""
        data = EVENT + json.dumps(event).encode()
        with self._telling, suppress(OSError):
            send(self._way, data)

    def answer(self, way: socket.socket, data: bytes) -> None:
        """Send an answer; events to the same process, the first one's, do not come between."""
        if way is not self._way:  # nothing else is sent there: nobody waits for who does not read
            send(way, data)
            return
        with self._telling:
            send(way, data)

    def end(self) -> None:
        """End all programs, and delete their folders."""
        with self._lock:
            self._is_over = True
            alive = list(self._alive.values())
        for child in alive:
            child.kill(signal.SIGKILL)
        for child in alive:
            child.process.wait()
            child.folders.remove()


def main(number: int) -> None:
    """Keep programs until the other end of the way is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the first program's: it ends this one
    lift_limits()
    way = socket.socket(fileno=number)
    way.set_inheritable(False)
    first = receive(way)
    if first is None:
        return
    told: Told = json.loads(first)
    keeper = Keeper(told, way, BARE if sys.flags.isolated else WHOLE)
    Orders(keeper, way, takes_bytes=keeper.takes_bytes).serve()
    keeper.end()
    os._exit(0)
