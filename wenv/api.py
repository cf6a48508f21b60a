"""Environments from a program: sandboxes inside this process, each as cheap as a function call.

    import wenv

    with wenv.open(".wenv").session() as session:
        session.run("def double(x): return 2 * x")
        session.call("double", 21)                  # 42
        session.call("json:dumps", {"a": [1, 2]})   # any importable function, as module:attribute
        session.run("print('hello')").stdout        # 'hello\\n'
        session.reset()                             # as it was at first: `double` is gone

Values cross as JSON: None, booleans, numbers, strings, lists (tuples become lists) and dictionaries with string keys.  Nothing
that a sandbox returns is ever executed or unpickled here.

One session belongs to one thread at a time; any number may run at once, on threads of their own.  Starting one from a compiled
component takes a millisecond or two, so a new one for each untrusted piece of code is affordable.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from resolver.progress import Silent
from wenv.environment import Environment, find
from wenv.errors import TimeLimitError, TrapError, WenvError
from wenv.launch import ensure_ready, fitting, plan_of
from wenv.launcher.command_line import CommandLine
from wenv.launcher.private import PrivateFolders
from wenv.launcher.sandbox import Program, request_of, terminal_variables
from wenv.locations import cache_folder
from wenv.policy import Mount, Policy

if TYPE_CHECKING:
    from wasmtime.component import Component

    from wenv.guest.living import Reply
    from wenv.host.session import Session as HostSession
    from wenv.runtimes import Runtime


@dataclass(frozen=True, slots=True)
class Output:
    """What code printed, and the status it asked to leave with (`sys.exit`), None if it ran to its end."""

    stdout: str
    stderr: str
    status: int | None = None


class CodeError(WenvError):
    """The code raised an exception: `kind` is its class, `traceback` as Python shows it, `output` what was printed."""

    def __init__(self, kind: str, message: str, traceback: str, output: Output) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind, self.traceback, self.output = kind, traceback, output


class ClosedSessionError(WenvError):
    """The session has ended: it was closed, stopped at a limit, or its code left with `os._exit`.  `reset` starts it anew."""

    def __init__(self) -> None:
        super().__init__("this session has ended", "call reset() for a new one")


def open_environment(path: "str | os.PathLike[str] | None" = None, *, name: str | None = None) -> "OpenEnvironment":
    """See `wenv.open`."""
    from cache.store import Store
    from wenv.runtimes import default_runtime

    runtime = default_runtime(Store(cache_folder()))
    chosen = find(name, None if path is None else Path(path))
    ensure_ready(runtime, chosen, Silent())
    return OpenEnvironment(runtime, chosen)


class OpenEnvironment:
    """An environment whose component is loaded.  May be shared between threads.

    A session starts from what was baked, if anything was.
    """

    def __init__(self, runtime: "Runtime", environment: Environment) -> None:
        self._runtime = runtime
        self.environment = environment
        self._plan = plan_of(runtime, environment, Silent())
        self._components: dict[bool, Component] = {}

    def session(
        self,
        *,
        mounts: Sequence[str] = (),
        variables: "dict[str, str] | None" = None,
        memory: int | None = None,
        output: int | None = None,
        timeout: float | None = None,
    ) -> "Session":
        """A new sandbox.  It sees the environment and nothing of the host but `mounts`, written as for ``wenv run --mount``.

        `variables` are its environment variables; `memory` and `output` limit it in bytes, `timeout` each call in seconds.
        The environment's own policy is not applied: a program says itself what its sandboxes get.
        Raises MountError.
        """
        shared = tuple(Mount.parse(text) for text in mounts)
        for mount in shared:
            mount.check_writable()
        policy = Policy(mounts=shared, environment=tuple((variables or {}).items()), memory=memory, time=timeout, output=output)
        return Session(self, policy)

    def _request(self, policy: Policy) -> "dict[str, Any]":
        program = Program("code", "", CommandLine("code"))
        shared = [mount.preopen for mount in policy.mounts]
        here = str(PurePosixPath("/nowhere"))
        request: dict[str, Any] = {**request_of(self._plan, program, policy.as_json(), here, shared)}
        # as it was when modules were baked, so that what they looked at is the same
        kept = {name: value for name, value in self.environment.baked.variables if value is not None}
        own = {**terminal_variables({}), **self._plan["read_only_variables"]}
        return {**request, "terminal": None, "environment": {**kept, **own, **dict(policy.environment)}}

    def _component(self, request: "dict[str, Any]") -> "Component":
        baking = fitting(self._runtime, self.environment, self._plan, request)  # type: ignore[arg-type]
        found = self._components.get(baking is not None)
        if found is None:
            found = self._runtime.component(Silent(), self.environment.natives, baking)
            self._components[baking is not None] = found
        return found


@cache
def _closer() -> ThreadPoolExecutor:
    """Frees the memory of sandboxes that `Session.reset` has replaced: nobody waits for that."""
    return ThreadPoolExecutor(1, thread_name_prefix="wenv-closing")


class Session:
    """One sandbox; a context manager.  See the module for what it is good for."""

    def __init__(self, opened: OpenEnvironment, policy: Policy) -> None:
        self._opened, self._policy = opened, policy
        self._request = opened._request(policy)
        self._component = opened._component(self._request)
        self._text = json.dumps(self._request)
        self._folders = PrivateFolders(str(mount.guest) for mount in policy.mounts)
        self._written: dict[int, list[bytes]] = {1: [], 2: []}
        self._host: HostSession | None = None
        self._closing: Future[None] | None = None
        self._folders.__enter__()
        self._preopens = [*opened._plan["preopens"], *(m.preopen for m in policy.mounts), *self._folders.preopens]
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        from wenv.host.session import Limits  # late: imports wasmtime
        from wenv.host.session import Session as HostSession

        limits = Limits(self._policy.memory, self._policy.output)
        self._host = HostSession(self._component, self._preopens, limits, sink=self._keep)
        self._host.call_text("session.open", self._text)

    def _keep(self, descriptor: int, data: bytes) -> None:
        self._written[descriptor].append(data)

    def run(self, code: str) -> Output:
        """Run statements in the session's ``__main__``.

        Raises CodeError for an exception; TrapError, TimeLimitError and ClosedSessionError if the sandbox was ended.
        """
        return self._done(self._asked("session.run", code))[1]

    def call(self, function: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a function of the session's ``__main__``, or of a module (``module:attribute``); returns its result.

        Raises what `run` raises; TypeError for a value that JSON cannot express.
        """
        order = {"function": function, "arguments": arguments, "keywords": keywords}
        return self._done(self._asked("session.call", order))[0]

    def reset(self) -> None:
        """Start anew from the pristine state: no variable, no file in ``/tmp``, nothing imported is left."""
        ended, self._host = self._host, None
        self._folders.empty()
        self._start()
        if self._closing is not None:
            self._closing.result()  # never more than one is behind
        self._closing = None if ended is None else _closer().submit(ended.close)

    def close(self) -> None:
        """End the sandbox and delete its private folders."""
        if self._host is not None:
            self._host.close()
            self._host = None
        self._folders.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    def _asked(self, service: str, argument: object) -> "Reply":
        if self._host is None:
            raise ClosedSessionError
        for written in self._written.values():
            written.clear()
        text = json.dumps(argument)
        try:
            with self._timed(self._host) as expired:
                return self._host.call_text(service, text)  # type: ignore[no-any-return]
        except (TrapError, SystemExit) as error:
            self._host.close()
            self._host = None
            if expired:
                raise TimeLimitError(self._policy.time or 0.0) from None
            if isinstance(error, SystemExit):
                raise ClosedSessionError from None
            raise

    @contextmanager
    def _timed(self, host: "HostSession") -> Iterator[list[bool]]:
        """Stop the guest when its time is up; the list is not empty then."""
        expired: list[bool] = []
        if self._policy.time is None:
            yield expired
            return

        def stop() -> None:
            expired.append(True)
            host.stop()

        timer = threading.Timer(self._policy.time, stop)
        timer.start()
        try:
            yield expired
        finally:
            timer.cancel()

    def _done(self, reply: "Reply") -> tuple[Any, Output]:
        stdout, stderr = (b"".join(self._written[number]).decode("utf-8", "replace") for number in (1, 2))
        output = Output(stdout, stderr, reply["status"])
        if failure := reply["failure"]:
            raise CodeError(failure["kind"], failure["message"], failure["traceback"], output)
        return reply["value"], output
