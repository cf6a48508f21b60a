"""Commands in processes of their own that need not import anything: forks of one that has done so.

A third of the tests' time was the start of Python.  What a fork runs is what ``python -P -m wenv`` runs, with descriptors, a
working folder and variables of its own.  Where the host has no fork, or a variable of Python's own is set, the command is
started as ever.

``python fork_server.py DESCRIPTOR`` is the server: for each message at that socket it forks, and answers with the fork's
process id and, at its end, its exit status.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

#: What commands import: all of the command line, and what it imports late.
IMPORTED = (
    "pip._internal.commands.install", "piptools.repositories.pypi", "rich.console", "rich.progress", "rich.table", "tomli_w",
    "tomlkit", "wasmtime", "wenv.bake.baking", "wenv.launcher.start", "wenv.launcher.script_notes", "wenv.make.check",
    "wenv.make.choose_runtime", "wenv.make.create", "wenv.make.outside_scripts", "wenv.make.scripts",
    "wenv.report.environments",
    "wenv.report.packages", "wenv.run.run", "wenv.share.temporary", "wenv_resolver.building.builder",
    "wenv_resolver.building.describing", "wenv_resolver.pip_internals.resolution", "wenv_resolver.reading",
)  # fmt: skip


class Client:
    """One server, which is started when it is first used, and runs one command at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: str, timeout: float
    ) -> "subprocess.CompletedProcess[str]":
        """Run ``wenv ARGUMENTS``.  Raises subprocess.TimeoutExpired."""
        own = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
        fits = own == {name: value for name, value in environment.items() if name.startswith("PYTHON")}
        if not hasattr(socket, "send_fds") or not fits or not self._lock.acquire(blocking=False):
            command = [sys.executable, "-P", "-m", "wenv", *arguments]
            return subprocess.run(
                command, cwd=folder, env=dict(environment), input=stdin, text=True, capture_output=True, timeout=timeout
            )
        try:
            return self._forked(["wenv", *arguments], folder, environment, stdin, timeout)
        finally:
            self._lock.release()

    def _forked(
        self, words: list[str], folder: Path, environment: Mapping[str, str], stdin: str, timeout: float
    ) -> "subprocess.CompletedProcess[str]":
        server = self._socket = self._socket or _started()
        (given, feed), (output, said), (errors, warned) = os.pipe(), os.pipe(), os.pipe()
        order = json.dumps({"words": words, "folder": str(folder), "environment": dict(environment)}).encode()
        socket.send_fds(server, [len(order).to_bytes(4)], [given, said, warned])
        for descriptor in (given, said, warned):
            os.close(descriptor)
        server.sendall(order)
        process = int.from_bytes(_read(server, 4))
        with ThreadPoolExecutor(4) as pool:
            fed = pool.submit(_feed, feed, stdin)
            printed = [pool.submit(_all_of, descriptor) for descriptor in (output, errors)]
            ended = pool.submit(_read, server, 4)
            try:
                status = int.from_bytes(ended.result(timeout), signed=True)
            except TimeoutError:
                os.kill(process, 9)
                raise subprocess.TimeoutExpired(words, timeout) from None
            fed.result()
            texts = [each.result() for each in printed]
        return subprocess.CompletedProcess(words, status, *texts)


def _started() -> socket.socket:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-P", __file__, str(theirs.fileno())]
    subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)  # it ends with the socket
    theirs.close()
    return ours


def _feed(descriptor: int, text: str) -> None:
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except BrokenPipeError:
        pass


def _all_of(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8") as file:
        return file.read()


def _read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        if not (part := connection.recv(size - len(found))):
            raise EOFError("the other side has ended")
        found += part
    return found


def serve(connection: socket.socket) -> None:
    """Fork for each message, until the other side has ended."""
    import gc
    from importlib import import_module

    from wenv.cli.main import MODULES

    for name in (*IMPORTED, *(f"wenv.cli.{module}" for module in MODULES)):
        import_module(name)
    gc.freeze()
    while True:
        header, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
        if not header:
            return
        order = json.loads(_read(connection, int.from_bytes(header)))
        process = os.fork()
        if process == 0:
            connection.close()
            _become(order, descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        connection.sendall(process.to_bytes(4))
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        connection.sendall(status.to_bytes(4, signed=True))


def _become(order: Mapping[str, object], descriptors: Sequence[int]) -> None:
    """Do in a fork what a new process of the command would do."""
    import random
    import tempfile

    from wenv.__main__ import main

    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    os.chdir(str(order["folder"]))
    tempfile.tempdir = None
    random.seed()
    sys.argv[:] = order["words"]  # type: ignore[call-overload]
    main()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
