"""What a sandbox may have of the program that started it: functions, output as it comes, the value of a last expression."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

import wenv as library
from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime
from wenv.api import CallLimits, ClosedSessionError, CodeError, OpenEnvironment

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)


@pytest.fixture
def opened(empty: Wenv) -> OpenEnvironment:
    return library.open(empty.folder)


def lookup(key: str, deep: bool = False, *more: int, limit: "int | None" = 3, **rest: object) -> dict[str, Any]:
    """Look a key up."""
    if key == "missing":
        raise KeyError(key)
    if key == "own":
        raise OwnError("of this program's")
    return {"key": key, "deep": deep, "more": more, "limit": limit, "rest": rest}


class OwnError(Exception):
    """What a sandbox does not know."""


async def doubled(value: int) -> int:
    await asyncio.sleep(0.01)
    return value * 2


USE = """
import inspect
from wenv_host import HostError, doubled, lookup
import wenv_host
print(wenv_host.__all__, inspect.signature(lookup), lookup.__doc__, lookup.__name__)
print(lookup("k"), lookup("k", True, 1, 2, limit=None, x=[1.5]))
print(doubled(21))
for work in (
    lambda: lookup("missing"), lambda: lookup("own"), lambda: lookup(), lambda: lookup("k", object()),
    lambda: lookup(1, limit={2}),
):
    try:
        work()
    except Exception as error:
        print(type(error).__module__, type(error).__name__, error)
"""
SHOWN = """\
['lookup', 'doubled', 'HostError'] (key: 'str', deep: 'bool' = False, *more: 'int', limit: 'int | None' = 3, \
**rest: 'object') -> 'dict[str, typing.Any]' Look a key up. lookup
{'key': 'k', 'deep': False, 'more': [], 'limit': 3, 'rest': {}} {'key': 'k', 'deep': True, 'more': [1, 2], 'limit': None, \
'rest': {'x': [1.5]}}
42
builtins KeyError 'missing'
wenv_host HostError OwnError: of this program's
builtins TypeError lookup() missing 1 required positional argument: 'key'
builtins TypeError Object of type object is not JSON serializable
builtins TypeError Object of type set is not JSON serializable
"""


@pytest.mark.parametrize("in_process", [True, False], ids=["here", "process"])
def test_functions_are_called(opened: OpenEnvironment, in_process: bool) -> None:
    with opened.session(functions={"lookup": lookup, "doubled": doubled}, in_process=in_process) as session:
        for _ in range(2):
            assert session.run(USE).stdout == SHOWN
            session.reset()
        assert [(call.name, call.error) for call in session.host_calls[:5]] == [
            ("lookup", ""), ("lookup", ""), ("doubled", ""), ("lookup", "KeyError"), ("lookup", "OwnError"),
        ]  # fmt: skip
    with opened.session(in_process=in_process) as session, pytest.raises(CodeError, match="No module named 'wenv_host'"):
        session.run("import wenv_host")


@pytest.mark.parametrize("in_process", [True, False], ids=["here", "process"])
def test_large_values_cross(opened: OpenEnvironment, in_process: bool) -> None:
    with opened.session(functions={"same": lambda value: value}, in_process=in_process) as session:
        code = "from wenv_host import same\nvalue = ['é' * 1000, 'x' * 3_000_000]\nsame(value) == value"
        assert session.run(code, result=True).value is True
        session.run("import wenv_host")
        with pytest.raises(CodeError, match=r"arguments of \d+ bytes, 10485760 are allowed|too long"):
            session.run("wenv_host.same('x' * 11_000_000)")


def test_calls_are_limited(opened: OpenEnvironment) -> None:
    limits = CallLimits(count=3, seconds=0.5, size=1000)
    given = {"slow": lambda: time.sleep(60), "large": lambda: "x" * 2000, "fine": lambda: 1}
    with opened.session(functions=given, call_limits=limits) as session:
        begun = time.monotonic()
        with pytest.raises(CodeError, match=r"took more than 0\.5 seconds"):
            session.run("import wenv_host; wenv_host.slow()")
        assert time.monotonic() - begun < 30
        with pytest.raises(CodeError, match="a result of 2002 bytes, 1000 are allowed"):
            session.run("wenv_host.large()")
        assert session.run("wenv_host.fine()", result=True).value == 1
        with pytest.raises(CodeError, match="has called 3 functions, as many as it may"):
            session.run("wenv_host.fine()")


def leaving() -> None:
    raise SystemExit(3)


async def leaving_later() -> None:
    raise SystemExit(4)


def ending() -> None:
    raise GeneratorExit


@pytest.mark.parametrize("in_process", [True, False], ids=["here", "process"])
@pytest.mark.parametrize("limits", [CallLimits(), CallLimits(seconds=60)], ids=["unlimited", "limited"])
def test_a_function_that_exits_ends_its_call_only(opened: OpenEnvironment, in_process: bool, limits: CallLimits) -> None:
    functions = {"leaving": leaving, "leaving_later": leaving_later, "ending": ending}
    with opened.session(functions=functions, call_limits=limits, in_process=in_process) as session:
        for name, words in ("leaving", "SystemExit: 3"), ("leaving_later", "SystemExit: 4"), ("ending", "GeneratorExit"):
            with pytest.raises(CodeError, match=words):
                session.run(f"import wenv_host; wenv_host.{name}()")
        assert [call.error for call in session.host_calls] == ["SystemExit", "SystemExit", "GeneratorExit"]


def interrupted() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_is_the_users(opened: OpenEnvironment) -> None:
    """Functions for a process run in the thread that waits for it, and are where Ctrl-C is heard."""
    with opened.session(functions={"interrupted": interrupted}, in_process=False) as session:
        with pytest.raises(KeyboardInterrupt):
            session.run("import wenv_host; wenv_host.interrupted()")
        with pytest.raises(ClosedSessionError):
            session.run("print('the answer to another call')")
        session.reset()
        assert session.run("print(1)").stdout == "1\n"
    with opened.session(functions={"interrupted": interrupted}) as session, pytest.raises(CodeError, match="KeyboardInterrupt"):
        session.run("import wenv_host; wenv_host.interrupted()")


def failing(*_: object) -> None:
    raise OwnError("of this program's")


def exiting(*_: object) -> None:
    raise SystemExit(3)


@pytest.mark.parametrize("in_process", [True, False], ids=["here", "process"])
@pytest.mark.parametrize(("told", "error"), [(failing, OwnError), (exiting, SystemExit)])
def test_what_a_listener_raises_is_raised_here(
    opened: OpenEnvironment, in_process: bool, told: Callable[..., None], error: type[BaseException]
) -> None:
    """It ends the sandbox: what is printed, or tried to be reached, after that would go by unheard."""
    prints = "print('one', flush=True)\nwhile True: pass"
    reaches = "import socket\ntry: socket.create_connection(('127.0.0.1', 9))\nexcept OSError: pass\nwhile True: pass"
    cases: list[tuple[dict[str, Any], str]] = [({"on_output": told}, prints), ({"log_network": told}, reaches)]
    for options, code in cases:
        with opened.session(**options, in_process=in_process) as session:
            with pytest.raises(error):
                session.run(code)
            with pytest.raises(ClosedSessionError):
                session.run("1")


FORGED = """
import sys
door = sys.modules[next(name for name in sys.modules if name.endswith(".network.door"))]
for order in (
    ("call", 0, "fine.__globals__", [], {}), ("call", 0, "__import__", ["os"], {}), ("call", 0, ["fine"], [], {}),
    ("call", 0, "fine", "abc", {}), ("call", 0, "fine", [], [1]), ("call", 0, None, [], {}), ("call", 0),
    ("call", 0, "eval", ["1"], {}),
    ("socket", 0, "AF_INET", "SOCK_STREAM"), ("resolve", 0, "localhost", 80, "", "", False, False), ("context", 0, 16, {}),
):
    try:
        print(door.ask(*order))
    except Exception as error:
        print("refused", type(error).__name__)
"""


def test_forged_calls_reach_nothing(opened: OpenEnvironment) -> None:
    """With functions alone there is no network, whatever is asked for."""
    with opened.session(functions={"fine": lambda: 1}) as session:
        lines = session.run(FORGED).stdout.splitlines()
    assert len(lines) == 11
    assert all(line.startswith("refused") for line in lines), lines


@pytest.mark.parametrize("functions", [{"no name": print}, {"class": print}, {"_hidden": print}, {"number": 1}])
def test_what_is_no_function_is_refused(opened: OpenEnvironment, functions: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        opened.session(functions=functions)


@pytest.mark.parametrize("in_process", [True, False], ids=["here", "process"])
def test_output_is_told_as_it_comes(opened: OpenEnvironment, in_process: bool) -> None:
    told: list[tuple[str, str]] = []
    seen: list[int] = []
    code = (
        "import sys\nimport wenv_host\nprint('é' * 3, flush=True)\nwenv_host.seen()\nprint('two', file=sys.stderr, flush=True)"
    )
    with opened.session(
        functions={"seen": lambda: seen.append(len(told))}, on_output=lambda *each: told.append(each), in_process=in_process
    ) as session:
        output = session.run(code)
    assert seen == [1]  # before the code has ended
    assert ("".join(text for stream, text in told if stream == "stdout"), output.stdout) == ("ééé\n", "ééé\n")
    assert ("".join(text for stream, text in told if stream == "stderr"), output.stderr) == ("two\n", "two\n")


def test_the_value_of_a_last_expression(opened: OpenEnvironment) -> None:
    with opened.session() as session:
        assert session.run("x = 2\nx * 21", result=True).value == 42
        assert session.run("x = 2\nx * 21").value is None
        assert session.run("y = 3", result=True).value is None
        assert session.run("", result=True).value is None
        assert session.run("print('p'); {'a': [1, None]}", result=True).value == {"a": [1, None]}
        with pytest.raises(CodeError, match="not JSON serializable"):
            session.run("object()", result=True)
        with pytest.raises(CodeError, match="ZeroDivisionError") as raised:
            session.run("1\n1 / 0", result=True)
        assert "1 / 0" in raised.value.traceback
        with pytest.raises(CodeError, match="SyntaxError"):
            session.run("1 +", result=True)


def test_a_loop_is_not_blocked(opened: OpenEnvironment) -> None:
    async def main() -> None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        loop = asyncio.get_running_loop()
        told: list[str] = []

        async def own(value: int) -> int:
            assert asyncio.get_running_loop() is loop
            return value + 1

        ticking = asyncio.create_task(tick())
        async with opened.asession(functions={"own": own}, on_output=lambda _, text: told.append(text)) as session:
            before = ticks
            output = await session.run("import time, wenv_host\nprint('now')\ntime.sleep(0.5)\nwenv_host.own(1)", result=True)
            assert (output.value, "".join(told), ticks - before > 5) == (2, "now\n", True)
            assert await session.call("json:dumps", [1]) == "[1]"
            endless = asyncio.create_task(session.run("while True: pass"))
            await asyncio.sleep(0.3)
            endless.cancel()
            with pytest.raises(asyncio.CancelledError):
                await endless
            with pytest.raises(ClosedSessionError):
                await session.run("1")
            await session.reset()
            assert (await session.run("6 * 7", result=True)).value == 42
            assert [call.name for call in session.host_calls] == ["own"]
        ticking.cancel()
        with pytest.raises(ClosedSessionError):
            await session.run("1")

    asyncio.run(main())


def test_many_loops_at_once(opened: OpenEnvironment) -> None:
    async def one(number: int) -> int:
        async with opened.asession(functions={"doubled": doubled}) as session:
            value: int = (await session.run(f"import wenv_host\nwenv_host.doubled({number})", result=True)).value
            return value

    async def main() -> list[int]:
        return await asyncio.gather(*map(one, range(6)))

    assert asyncio.run(main()) == [0, 2, 4, 6, 8, 10]


def test_a_function_of_the_command_line(empty: Wenv) -> None:
    (empty.folder / "tools.py").write_text("def double(value):\n    return 2 * value\ndef leave():\n    raise SystemExit(3)\n")
    (empty.folder / "leaves.py").write_text("import sys\nsys.exit(7)\n")
    code = "import wenv_host\nprint(wenv_host.double(21))\nwenv_host.leave()"
    run = empty.result("run", "--function", "tools:double", "--function", "tools:leave", "-c", code, status=1)
    assert run.stdout == "42\n"
    assert run.stderr.splitlines()[-1] == "wenv_host.HostError: SystemExit: 3"
    for function, words in (
        ("tools", "--function tools: not MODULE:NAME"),
        ("tools:no", "AttributeError: module 'tools' has no attribute 'no'"),
        ("nowhere:no", "ModuleNotFoundError: No module named 'nowhere'"),
        ("leaves:no", "SystemExit: 7"),
    ):
        failed = empty.result("run", "--function", function, "-c", "print(1)", status=125)
        assert words in failed.stderr
        assert "Traceback" not in failed.stderr
        assert failed.stdout == ""
