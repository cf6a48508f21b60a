"""Opened environments, and their sessions: see the package for how they are used.

One file of more than 350 lines, as each of the two makes the other's: an environment its sessions, a session its successor.
"""

import json
import os
import threading
import weakref
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from wenv.api.replies import BusySessionError, ClosedSessionError, CodeError, Output, checked_reply
from wenv.environment.find import find
from wenv.errors import DiskLimitError, TimeLimitError, TrapError, WenvError
from wenv.guest.command_line import CommandLine
from wenv.launcher.limits import CAPTURED, Bounds
from wenv.launcher.preopens import Preopen, with_editables
from wenv.launcher.private_folders import PrivateFolders
from wenv.launcher.program import Program
from wenv.launcher.request import request_of, terminal_variables
from wenv.policy.mounts import Mount
from wenv.policy.policy import Policy
from wenv.policy.text import parse_host
from wenv.run.outside import Outside
from wenv.run.planning import fitting, plan_of
from wenv.snapshot.ready import Ready, ensure_ready
from wenv_resolver.progress import Silent

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from wenv.api.asynchronous import AsyncSession
    from wenv.engine.compiled import Executable
    from wenv.engine.deep import Running
    from wenv.engine.engine import Compiled
    from wenv.engine.remote import RemoteSession
    from wenv.engine.session import Session as HostSession
    from wenv.guest.request import Service
    from wenv.guest.sessions.calls import Reply
    from wenv.network.calls import Call, CallLimits

Host = TypeVar("Host", "HostSession", "RemoteSession")

#: For how long a stopped sandbox is waited for, in seconds: its caller hears of the limit then.
GRACE = 0.05
#: How many guests that do not end may be left behind before no further session starts.
MOST_LEFT_BEHIND = 64
_left_behind: "list[Running[Any]]" = []


def open_environment(path: "str | os.PathLike[str] | None" = None, *, name: str | None = None) -> "OpenEnvironment":
    """See `wenv.open`."""
    from wenv.runtimes.workspace import Workspace

    chosen = find(name, None if path is None else Path(path))
    runtime = Workspace.of_user(Silent().say).runtime_for(chosen)
    return OpenEnvironment(ensure_ready(runtime, chosen, Silent()))


class OpenEnvironment:
    """An environment whose component is loaded.  May be shared between threads.

    A session starts from what was baked, if anything was.
    """

    def __init__(self, ready: Ready) -> None:
        self._ready = ready
        self.environment = ready.environment
        self._plan = plan_of(ready)
        self._components: dict[bool, Compiled] = {}

    def session(
        self,
        *,
        mounts: Sequence[str] = (),
        variables: "dict[str, str] | None" = None,
        memory: int | None = None,
        output: int | None = None,
        timeout: float | None = None,
        disk: int | None = None,
        files: int | None = None,
        open_files: int | None = None,
        children: int | None = None,
        net: Sequence[str] = (),
        listen: Sequence[str] = (),
        net_bytes: int | None = None,
        secrets: "Mapping[str, tuple[str, str | Sequence[str]]] | None" = None,
        authority: str = "",
        log_network: "Callable[[dict[str, Any]], object] | None" = None,
        functions: "Mapping[str, Callable[..., Any]] | None" = None,
        call_limits: "CallLimits | None" = None,
        on_output: "Callable[[str, str], object] | None" = None,
        in_process: bool = True,
        _loop: "AbstractEventLoop | None" = None,
    ) -> "Session":
        """A new sandbox.  It sees the environment and nothing of the host but `mounts`, written as for ``wenv run --mount``.

        `variables` are its environment variables; `memory` limits it in bytes; `timeout` each call in seconds, and `output`
        (default 64 MiB) what each call prints in bytes; `disk` (bytes, default 1 GiB) and `files` (default 100,000) what it
        keeps in ``/tmp``, `open_files` (default 256) how many it has open, `children` (default 16) how many programs are
        alive that it has started.  The environment's own policy is not applied: a program says itself what its sandboxes get.

        It connects to what `net` names (hosts as for ``wenv run --net``) and listens on what `listen` does; `net_bytes` limits
        what it moves; `log_network` is called with each thing that it tried to reach (`wenv.network.record.Record`).

        `secrets` are values that never enter it, each with the host or hosts (``NAME[:PORT]``) that may have it: the variable
        of that name holds a placeholder, which is replaced in what goes over verified TLS to them.  `authority` are
        certificates (PEM) that are trusted besides the system's.

        `functions` are functions of this program that code in it may call (``from wenv_host import NAME``), sync or async,
        with arguments and results that JSON knows; `call_limits` limits the calls (`Session.host_calls` has the last ones).
        What they do with what they are given is their matter: nothing else of this program can be reached.

        `on_output` is called while code runs, with ``stdout`` or ``stderr`` and what was printed.  What it or `log_network`
        raises ends the sandbox, and is raised by the call that ran in it.

        In this process the limits `disk`, `files` and `open_files` are looked at twenty times a second, and `open_files` on
        Linux only; a guest that waits in a call of the host's is left behind when its time is up (`Session.left_behind`).  With
        ``in_process=False`` the sandbox is a process of its own: its limits hold as for ``wenv run``, and it ends at once, but
        for a function of this program's, which runs in the thread that called and is waited for; it starts in about 0.3 s.

        Raises MountError, UsageError; TypeError and ValueError for a limit, name or value of the wrong kind; WenvError if too
        many guests were left behind.
        """
        for name, texts in (("mounts", mounts), ("net", net), ("listen", listen)):
            if isinstance(texts, str):
                raise TypeError(f"{name} is a list of texts")
        for limit in (memory, output, timeout, disk, files, open_files, net_bytes):
            if limit is not None and not 0 < limit < 1 << 62:
                raise ValueError(f"not a limit: {limit}")
        if children is not None and not 0 <= children < 1 << 10:
            raise ValueError(f"not a number of programs: {children}")
        for name, value in (variables or {}).items():
            if not name or "=" in name or "\0" in name + value:
                raise ValueError(f"not a variable: {name!r}")
        for name, secret in (secrets or {}).items():
            if not isinstance(secret, (tuple, list)) or len(secret) != 2:
                raise TypeError(f"secrets[{name!r}] is a value, and the host or hosts that may have it")
        if authority:
            from wenv.network.tls import check_authority

            check_authority(authority)
        shared = tuple(Mount.parse(text) for text in mounts)
        for mount in shared:
            mount.check_writable()
        policy = Policy(
            mounts=shared,
            environment=tuple((variables or {}).items()),
            memory=memory,
            time=timeout,
            output=CAPTURED if output is None else output,
            disk=disk,
            files=files,
            open_files=open_files,
            children=children,
            net=tuple(parse_host("net", text, "net") for text in net),
            listen=tuple(parse_host("listen", text, "listen") for text in listen),
            net_bytes=net_bytes,
        )
        outside = Outside(log_network, functions, call_limits, on_output, _loop, secrets or {}, authority)
        return Session(self, policy, outside, in_process=in_process)

    def asession(self, **options: Any) -> "AsyncSession":
        """The same for a program with an event loop, which it does not block: ``async with opened.asession() as session``.

        Takes what `session` takes; `functions` that are coroutine functions run in the loop.
        """
        from wenv.api.asynchronous import AsyncSession

        return AsyncSession(self, options)

    def _shared(self, policy: Policy) -> "list[Preopen]":
        """The host folders that a session gets."""
        try:
            return with_editables(self._plan, [mount.preopen for mount in policy.mounts])
        except FileNotFoundError as error:
            raise WenvError(f"the folder of an editable project is gone: {error}") from error

    def _request(self, policy: Policy, outside: "Outside") -> "dict[str, Any]":
        program = Program("code", "", CommandLine("code"))
        shared = self._shared(policy)
        request: dict[str, Any] = {**request_of(self._plan, program, policy.as_json(), "/", shared)}
        # as it was when modules were baked, so that what they looked at is the same
        kept = {name: value for name, value in self.environment.baked.variables if value is not None}
        own = {**terminal_variables({}), **self._plan["read_only_variables"]}
        vault = outside.vault(policy)
        variables = {**kept, **own, **dict(policy.environment), **({} if vault is None else vault.placeholders)}
        given = {"host": outside.granted(policy), "functions": outside.definitions}
        return {**request, **given, "terminal": None, "environment": variables}

    def _executable(self, request: "dict[str, Any]", shared: "Sequence[Preopen]", limit: int | None) -> "Executable":
        """The files to load in another process, made if they are not there."""
        baking = fitting(self._ready, self._plan, request, shared, limit)  # type: ignore[arg-type]
        found = self._ready.runtime.executable(self.environment.natives, baking)
        if not found.is_there:
            self._ready.runtime.component(Silent(), self.environment.natives, baking)
        return found

    def _component(self, request: "dict[str, Any]", shared: "Sequence[Preopen]", limit: int | None) -> "Compiled":
        baking = fitting(self._ready, self._plan, request, shared, limit)  # type: ignore[arg-type]
        found = self._components.get(baking is not None)
        if found is None:
            found = self._ready.runtime.component(Silent(), self.environment.natives, baking, stoppable=True)
            self._components[baking is not None] = found
        return found


@cache
def _closer() -> ThreadPoolExecutor:
    """Frees the memory of sandboxes that `Session.reset` has replaced: nobody waits for that."""
    return ThreadPoolExecutor(1, thread_name_prefix="wenv-closing")


class Session:
    """One sandbox; a context manager.  See the module for what it is good for."""

    def __init__(self, opened: OpenEnvironment, policy: Policy, outside: Outside, *, in_process: bool) -> None:
        if self.left_behind >= MOST_LEFT_BEHIND:
            raise WenvError(
                f"{self.left_behind} guests that were stopped have not ended yet", "in_process=False ends them at once"
            )
        self._opened, self._policy, self._in_process = opened, policy, in_process
        self._outside = outside
        if outside.log_network is not None:
            outside.log_network = partial(self._tell, outside.log_network)
        self._request = opened._request(policy, outside)
        self._shared = shared = opened._shared(policy)
        self._component = opened._component(self._request, shared, policy.memory) if in_process else None
        self._executable = None if in_process else opened._executable(self._request, shared, policy.memory)
        self._calls = self._seen = 0
        self._failure: BaseException | None = None
        self._text = json.dumps(self._request)
        self._folders = PrivateFolders(guest for _, guest, _ in shared)
        self._written: dict[int, list[bytes]] = {1: [], 2: []}
        self._decoders = {number: getincrementaldecoder("utf-8")("replace") for number in self._written}
        self._host: HostSession | RemoteSession | None = None
        self._closing: Future[None] | None = None
        self._is_closed = self._is_cancelled = False
        self._lock = threading.Lock()
        self._finalizer = weakref.finalize(self, self._folders.remove)  # also at the process's end
        self._folders.__enter__()
        self._preopens = [*opened._plan["preopens"], *shared, *self._folders.preopens]
        self.bounds, self.measured = Bounds(policy.as_json()), self._folders.measured
        self.reached = [*self.measured, *(host for host, _, _ in self._preopens)]
        try:
            self._start()
            if in_process:
                from wenv.engine.watching import wake, watch  # late, as all of wenv.engine

                watch(self)
                self._wake = wake
        except BaseException:
            self.close()
            raise

    @property
    def left_behind(self) -> int:
        """How many guests of this process were stopped and have not ended, as they wait in a call of the host's."""
        _left_behind[:] = [call for call in _left_behind if not call.wait(0)]
        return len(_left_behind)

    @property
    def is_running(self) -> bool:
        """Whether code runs in it, or did since this was last asked: for `wenv.engine.watching`."""
        seen, self._seen = self._seen, self._calls
        return self._host is not None and (self._lock.locked() or seen != self._calls)

    def end(self, reason: str) -> None:
        """Stop what runs in it, from any thread; the call raises DiskLimitError with the reason."""
        if self._host is not None:
            self._end(DiskLimitError(reason))

    def _end(self, failure: BaseException) -> None:
        """Stop what runs in it, from any thread; the call raises the failure."""
        host, self._failure = self._host, failure
        if host is not None:
            host.stop()

    def _start(self) -> None:
        from wenv.engine.deep import deeply  # late: imports wasmtime

        self._failure = None
        self._host = self._remote() if self._executable is not None else deeply(self._local)

    def _local(self) -> "HostSession":
        from wenv.engine.limits import Limits
        from wenv.engine.session import Session as HostSession

        assert self._component is not None
        limits = Limits(self._policy.memory, self._policy.output)
        broker = self._outside.broker(self._policy, self._folders)
        children = self._outside.children(self._told, broker)
        return self._opened_in(
            HostSession(self._component, self._preopens, limits, sink=self._keep, broker=broker, children=children)
        )

    @property
    def _told(self) -> "dict[str, Any]":
        """What the process is told that starts programs."""
        plan, shared = self._opened._plan, self._shared
        return self._outside.told(plan, self._request, self._policy, shared, self._folders, inherits=False)

    def _remote(self) -> "RemoteSession":
        from wenv.engine.limits import Limits
        from wenv.engine.remote import RemoteSession

        policy = self._policy
        bounds = {"disk": policy.disk, "files": policy.files, "open_files": policy.open_files}
        limits = Limits(policy.memory, policy.output)
        assert self._executable is not None
        return self._opened_in(
            RemoteSession(
                self._executable,
                self._preopens,
                self._folders.measured,
                limits,
                bounds,
                sink=self._keep,
                outside=self._outside.remote(policy, self._folders),
                children=self._told,
            )
        )

    def _opened_in(self, host: "Host") -> "Host":
        try:
            host.call_text("session.open", self._text)
            self._check_failure()
        except BaseException:
            host.close()
            raise
        return host

    def _keep(self, descriptor: int, data: bytes) -> None:
        self._written[descriptor].append(data)
        if self._outside.on_output is not None and (text := self._decoders[descriptor].decode(data)):
            self._tell(self._outside.on_output, "stdout" if descriptor == 1 else "stderr", text)

    def _tell(self, told: Callable[..., object], *arguments: object) -> None:
        """Call what the user gave to be told by; what it raises ends the sandbox, and is raised by the call that runs in it.

        It must not get into wasmtime, which calls this, or between the messages of another process.
        """
        try:
            told(*arguments)
        except BaseException as error:
            self._end(error)

    def _check_failure(self) -> None:
        """Raises what ended the sandbox."""
        if self._failure is not None:
            raise self._failure from None

    @property
    def host_calls(self) -> "list[Call]":
        """The last calls of functions that code in the session made."""
        return self._outside.calls

    def cancel(self) -> None:
        """Stop what runs in it, from any thread: its call raises ClosedSessionError, and `reset` starts anew."""
        host = self._host
        if host is not None:
            self._is_cancelled = True
            host.stop()

    def run(self, code: str, *, result: bool = False) -> Output:
        """Run statements in the session's ``__main__``.

        With `result` the value of the last one, if it is an expression, is in `Output.value`; JSON must be able to express it.
        Raises CodeError for an exception; TrapError, TimeLimitError and ClosedSessionError if the sandbox was ended.
        """
        value, output = self._done(self._asked("session.run", {"code": code, "result": result}))
        return replace(output, value=value) if result else output

    def call(self, function: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a function of the session's ``__main__``, or of a module (``module:attribute``); returns its result.

        Raises what `run` raises; TypeError for a value that JSON cannot express.
        """
        order = {"function": function, "arguments": arguments, "keywords": keywords}
        return self._done(self._asked("session.call", order))[0]

    def reset(self) -> None:
        """Start anew from the pristine state: no variable, no file in ``/tmp``, nothing imported is left.

        Raises ClosedSessionError, and BusySessionError while a call runs in another thread.
        """
        if self._is_closed:
            raise ClosedSessionError("this session was closed", "open another one")
        with self._alone():
            ended, self._host = self._host, None
            try:
                self._folders.empty()
                try:
                    self._start()
                except TrapError:
                    if ended is None:
                        raise
                    ended.close()  # it may have had the last place in the pool
                    ended = None
                    self._start()
            finally:
                if self._closing is not None:
                    self._closing.result()  # never more than one is behind
                self._closing = None if ended is None else _closer().submit(ended.close)

    def close(self) -> None:
        """End the sandbox and delete its private folders."""
        self._is_closed = True
        host = self._host
        free = self._lock.acquire(blocking=False)
        if not free and host is not None:
            host.stop()  # another thread is in it, and gets a ClosedSessionError
            free = self._lock.acquire(timeout=GRACE)
        if free:
            if self._host is not None:
                self._host.close()
                self._host = None
            self._lock.release()
        self._finalizer()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A guest can be entered by one thread only."""
        if not self._lock.acquire(blocking=False):
            raise BusySessionError
        try:
            yield
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    def _asked(self, service: "Service", argument: object) -> "Reply":
        with self._alone():
            return self._asked_alone(service, argument)

    def _asked_alone(self, service: "Service", argument: object) -> "Reply":
        host = self._host
        if host is None:
            raise ClosedSessionError
        for written in self._written.values():
            written.clear()
        text = json.dumps(argument)
        self._calls += 1
        try:
            host.renew_output()
            if self._executable is not None:
                reply = cast("RemoteSession", host).call_text(service, text, self._policy.time)
            else:
                self._wake()
                local = cast("HostSession", host)
                reply = local.call_text(service, text) if self._policy.time is None else self._in_time(local, service, text)
            host.check_output()
            if self._failure is not None:
                raise TrapError("stopped")
        except (TrapError, SystemExit) as error:
            self._host = None
            if not isinstance(error, TimeLimitError):  # else it may still be inside a call of the host's
                host.close()
            self._check_failure()
            cancelled, self._is_cancelled = self._is_cancelled, False
            if isinstance(error, SystemExit) or self._is_closed or cancelled:
                raise ClosedSessionError from None
            raise
        except KeyboardInterrupt:
            if self._executable is not None:  # its answer is still to come, and would be taken for another call's
                self._host = None
                host.close()
            raise
        return checked_reply(service, reply)

    def _in_time(self, host: "HostSession", service: "Service", text: str) -> Any:
        """The reply, unless the time is up before it is there.

        A guest that sleeps, or waits for anything else of the host's, is not stopped before that ends: it is left behind.
        """
        from wenv.engine.deep import start_deeply

        limit = self._policy.time or 0.0
        call = start_deeply(lambda: host.call_text(service, text))
        if not call.wait(limit):
            host.stop()
            if not call.wait(GRACE):
                _left_behind.append(call)
            raise TimeLimitError(limit)
        return call.result()

    def _done(self, reply: "Reply") -> tuple[Any, Output]:
        stdout, stderr = (b"".join(self._written[number]).decode("utf-8", "replace") for number in (1, 2))
        output = Output(stdout, stderr, reply["status"])
        if failure := reply["failure"]:
            raise CodeError(failure["kind"], failure["message"], failure["traceback"], output)
        return reply["value"], output
