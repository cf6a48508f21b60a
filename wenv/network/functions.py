"""Functions of the host's that a sandbox may call: their definitions, the limits of calls, and a record of them.

What crosses is JSON, both ways; nothing that a guest sends is executed or unpickled.  Of an exception its class's name and its
message cross.
"""

import ast
import asyncio
import inspect
import json
import keyword
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from threading import Thread, current_thread, main_thread
from typing import Any

from wenv.network.calls import UNLIMITED, Call, CallLimits

#: Calls that the record keeps, the last ones.
KEPT = 1000
#: Seconds between two looks whether the run was stopped, while a function runs.
TURN = 0.1


class FunctionError(Exception):
    """What a function raised, as it is told in the sandbox."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class HostFunctions:
    """The functions of one session.  Coroutine functions run in `loop`, or in one of their own."""

    def __init__(
        self,
        functions: Mapping[str, Callable[..., Any]],
        limits: CallLimits = UNLIMITED,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Raises TypeError and ValueError for what is no function, or has no name that Python knows."""
        for name, function in functions.items():
            if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
                raise ValueError(f"not the name of a function: {name!r}")
            if not callable(function):
                raise TypeError(f"{name} is not a function")
        self._functions, self._limits, self._loop = dict(functions), limits, loop
        self.definitions = {name: definition_of(name, function) for name, function in functions.items()}
        #: The last calls.
        self.calls: deque[Call] = deque(maxlen=KEPT)
        self.count = 0

    @property
    def largest_order(self) -> int:
        """Bytes of an order that calls one."""
        return 2 * self._limits.size

    def call(self, name: str, arguments: list[Any], keywords: dict[str, Any], stopped: Callable[[], bool]) -> str:
        """The result of a call, as JSON.  Raises FunctionError, and KeyboardInterrupt on Ctrl-C if this is the main thread."""
        begun, error, size = time.monotonic(), "", 0
        try:
            text, size = self._called(name, arguments, keywords, stopped)
            return text
        except FunctionError as raised:
            error = raised.kind
            raise
        finally:
            self.calls.append(Call(str(name)[:100], round(time.monotonic() - begun, 6), error, size))

    def _called(
        self, name: str, arguments: list[Any], keywords: dict[str, Any], stopped: Callable[[], bool]
    ) -> tuple[str, int]:
        function = self._functions.get(name) if isinstance(name, str) else None
        if function is None or not isinstance(arguments, list) or not isinstance(keywords, dict):
            raise FunctionError("AttributeError", f"the host has no function {str(name)[:100]!r}")
        if self._limits.count is not None and self.count >= self._limits.count:
            raise FunctionError("RuntimeError", f"this session has called {self.count} functions, as many as it may")
        self.count += 1
        size = len(json.dumps([arguments, keywords]))
        if size > self._limits.size:
            raise FunctionError("ValueError", f"{name}: arguments of {size} bytes, {self._limits.size} are allowed")
        try:
            result = self._run(function, arguments, keywords, stopped)
            text = json.dumps(result)
        except FunctionError:
            raise
        except BaseException as error:  # SystemExit, too: a function ends its call, and nothing else
            if isinstance(error, KeyboardInterrupt) and current_thread() is main_thread():
                raise  # Ctrl-C
            message = error.args[0] if isinstance(error, KeyError) and error.args else error  # it would be quoted twice
            raise FunctionError(type(error).__name__, str(message)[:10_000]) from error
        if len(text) > self._limits.size:
            raise FunctionError("ValueError", f"{name}: a result of {len(text)} bytes, {self._limits.size} are allowed")
        return text, size + len(text)

    def _run(
        self, function: Callable[..., Any], arguments: list[Any], keywords: dict[str, Any], stopped: Callable[[], bool]
    ) -> Any:
        limit = self._limits.seconds
        if inspect.iscoroutinefunction(function):
            coroutine = _without_exit(function(*arguments, **keywords))
            if self._loop is None:
                return asyncio.run(asyncio.wait_for(coroutine, limit))
            waiting: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            return _awaited(waiting, limit, stopped)
        if limit is None:
            return function(*arguments, **keywords)
        made: Future[Any] = Future()

        def work() -> None:
            made.set_running_or_notify_cancel()  # from here on nobody takes it back
            try:
                made.set_result(function(*arguments, **keywords))
            except BaseException as error:
                made.set_exception(error)

        Thread(target=work, name="wenv-function", daemon=True).start()  # one that takes too long is left behind
        return _awaited(made, limit, stopped)


async def _without_exit(awaited: Awaitable[Any]) -> Any:
    """What is awaited; its SystemExit would end the loop, and becomes a FunctionError."""
    try:
        return await awaited
    except SystemExit as error:
        raise FunctionError("SystemExit", str(error)) from error


def _awaited(future: "Future[Any]", limit: float | None, stopped: Callable[[], bool]) -> Any:
    """The result of what runs elsewhere.  Raises TimeoutError."""
    until = None if limit is None else time.monotonic() + limit
    while True:
        left = TURN if until is None else max(0.0, min(TURN, until - time.monotonic()))
        try:
            return future.result(left)
        except TimeoutError:
            if future.done():
                raise
        if stopped() or (until is not None and time.monotonic() >= until):
            future.cancel()
            raise TimeoutError("the session was stopped" if stopped() else f"the function took more than {limit:g} seconds")


def definition_of(name: str, function: Callable[..., Any]) -> str:
    """A function as the sandbox sees it: its signature and its docstring, and nothing that it does."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some of C's
        signature = inspect.Signature(
            [
                inspect.Parameter(kind.name[4:].lower(), kind)
                for kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
            ]
        )
    parameters = [
        each.replace(default=_literal(each.default), annotation=_annotation(each.annotation))
        for each in signature.parameters.values()
    ]
    shown = signature.replace(parameters=parameters, return_annotation=_annotation(signature.return_annotation))
    return f"def {name}{shown}:\n    {inspect.getdoc(function) or ''!r}\n"


class _Written:
    """What shows as a text that is Python."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _literal(value: Any) -> Any:
    """A default as it can be written; one that cannot shows as an ellipsis, and counts on the host."""
    if value is inspect.Parameter.empty or value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return _Written("...")


def _annotation(given: Any) -> Any:
    """An annotation as it is written, or as a text."""
    if given is inspect.Parameter.empty:
        return given
    text = given if isinstance(given, str) else inspect.formatannotation(given)
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return text
    return _Written(text)
