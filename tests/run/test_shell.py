"""``wenv shell`` on a terminal."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime

pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")

PROMPT = ">>> "
empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)


class Terminal:
    """A shell at a terminal of 100 columns.

    On a dumb terminal (the default here) nothing is painted twice, and what is read is plain text; completion and history need
    a real one.
    """

    def __init__(self, wenv: Wenv, *arguments: str, term: str = "dumb") -> None:
        environment = {**wenv.environment, "TERM": term, "PROMPT_TOOLKIT_NO_CPR": "1"}
        command = ["-P", "-m", "wenv", "shell", *arguments]
        self.process = pexpect.spawn(
            sys.executable, command, cwd=str(wenv.folder), env=environment, encoding="utf-8", dimensions=(40, 100), timeout=60
        )
        self.process.expect_exact(">>>")

    def enter(self, line: str, expected: str) -> str:
        """Enter a line and wait for output and the next prompt; returns all that was shown in between."""
        self.process.send(line + "\r")
        self.process.expect_exact(expected)
        shown = str(self.process.before) + expected
        self.process.expect_exact(">>>")
        return shown + str(self.process.before)

    def leave(self) -> int:
        """Wait for the end; returns the exit status."""
        self.process.expect(pexpect.EOF)
        self.process.close()
        return int(self.process.exitstatus)


@pytest.fixture
def terminal(empty: Wenv) -> Iterator[Terminal]:
    opened = Terminal(empty)
    yield opened
    opened.process.close(force=True)


def test_variables_live_and_values_are_shown(terminal: Terminal) -> None:
    terminal.enter("x = 20 + 1", "")
    terminal.enter("x * 2", "42")
    terminal.enter("_ + 1", "43")
    terminal.enter("for i in range(2): print('row', i)\r", "row 1")
    error = terminal.enter("1 / 0", "ZeroDivisionError: division by zero")
    assert "_wenv" not in error
    terminal.enter("x", "21")


def test_blocks_of_several_lines(terminal: Terminal) -> None:
    terminal.enter("def double(n):\rreturn n * 2\r", "")
    terminal.enter("double(21)", "42")


def test_completion_asks_the_living_guest(empty: Wenv) -> None:
    opened = Terminal(empty, term="xterm")
    for typed, shown in (
        ("import os.path; uniquely_named = 'value ' + 'of it'\r", PROMPT),
        ("uniquely_\t\r", "value of it"),
        ("os.path.base\t('/a/b') + 'ase'\r", "'base'"),
        ("from colle\t import OrderedDict as found_it\r", PROMPT),
        ("found_it()\r", "OrderedDict()"),
    ):
        for part in typed.partition("\t"):
            opened.process.send(part)
            time.sleep(0.3)  # a person's pause: keys sent at once are taken for a paste
        opened.process.expect_exact(shown)
    opened.process.close(force=True)


#: What a program says when it runs; not what is typed, which the terminal shows too.
BEGUN = "print('be' + 'gun')"


@pytest.mark.parametrize(
    "code",
    [f'exec("{BEGUN}\\nwhile True: pass")', f"{BEGUN}; import time; time.sleep(600)", f"{BEGUN}; sum(i for i in iter(int, 1))"],
    ids=["loop", "sleep", "generator"],
)
def test_ctrl_c_stops_what_runs_and_keeps_the_variables(terminal: Terminal, code: str) -> None:
    terminal.enter("kept = 'still here'", "")
    terminal.process.send(code + "\r")
    terminal.process.expect_exact("begun")
    terminal.process.sendintr()
    terminal.process.expect_exact("KeyboardInterrupt")
    terminal.process.expect_exact(PROMPT)
    terminal.enter("kept", "still here")


def test_ctrl_c_loses_and_repeats_no_output(terminal: Terminal) -> None:
    terminal.enter("import itertools; counter = itertools.count(100_000)", "")
    shown = ""
    for _ in range(8):
        terminal.process.send("for i in counter: print(i)\r\r")
        terminal.process.expect_exact("00\r\n")
        time.sleep(0.1)
        terminal.process.sendintr()
        terminal.process.expect_exact("KeyboardInterrupt")
        shown += str(terminal.process.before)
        terminal.process.expect_exact(PROMPT)
        shown += str(terminal.process.before)
    numbers = [int(number) for number in re.findall(r"\d{6}", shown)]
    assert numbers == sorted(set(numbers))


def test_a_second_ctrl_c_ends_the_session(terminal: Terminal) -> None:
    terminal.process.send(f"{BEGUN}; max(iter(int, 1))\r")  # inside C code no interrupt is looked for
    terminal.process.expect_exact("begun")
    for _ in range(2):
        time.sleep(2)  # the program is still in print when its output is seen
        terminal.process.sendintr()
    terminal.process.expect_exact("session ended by the second Ctrl-C")
    assert terminal.leave() == 130


@pytest.mark.parametrize("code", ["while True: pass\r", "import time; time.sleep(600)"])
def test_a_signal_ends_a_shell_that_is_busy(terminal: Terminal, code: str) -> None:
    terminal.process.send(code + "\r")
    time.sleep(1)
    terminal.process.kill(signal.SIGTERM)
    assert terminal.leave() == 143


def test_ctrl_c_at_the_prompt_clears_the_line(terminal: Terminal) -> None:
    terminal.process.send("half a li")
    terminal.process.sendintr()
    terminal.process.expect_exact(PROMPT)
    terminal.enter("'whole'", "'whole'")


@pytest.mark.parametrize(("leaving", "status"), [("exit()\r", 0), ("quit()\r", 0), ("exit(3)\r", 3), ("\x04", 0)])
def test_leaving(terminal: Terminal, leaving: str, status: int) -> None:
    terminal.enter("import atexit; atexit.register(print, 'exit function ran') and None", "")
    terminal.process.send(leaving)
    terminal.process.expect_exact("exit function ran")
    assert terminal.leave() == status


def test_input_reads_the_terminal(terminal: Terminal) -> None:
    terminal.process.send("answer = input('name? ')\r")
    terminal.process.expect_exact("name? ")
    terminal.process.send("Ada\r")
    terminal.process.expect_exact(PROMPT)
    terminal.enter("answer", "'Ada'")


def test_a_trap_ends_the_session_with_a_sentence(terminal: Terminal) -> None:
    terminal.process.send("import os; os.abort()\r")
    terminal.process.expect_exact("the interpreter aborted")
    assert terminal.leave() == 134


def test_history_is_kept_for_each_environment(empty: Wenv) -> None:
    first = Terminal(empty)
    first.enter("'remembered line'", "remembered line")
    first.process.send("\x04")
    assert first.leave() == 0
    second = Terminal(empty, term="xterm")
    second.process.send("\x1b[A")
    second.process.expect_exact("remembered line")
    second.process.close(force=True)
    empty("create", "-n", "other")
    third = Terminal(empty, "-n", "other", term="xterm")
    third.process.send("\x1b[A'nothing'\r")
    third.process.expect_exact("'nothing'")
    assert "remembered" not in str(third.process.before)
    third.process.close(force=True)


def test_the_policy_holds_in_a_shell(empty: Wenv) -> None:
    opened = Terminal(empty)
    opened.enter("open('new.txt', 'w')", "--write allows writing to it")
    opened.process.close(force=True)
    assert not (empty.folder / "new.txt").exists()
    granted = Terminal(empty, "--write")
    granted.enter("open('new.txt', 'w').write('x')", "1")
    granted.process.close(force=True)
    assert (empty.folder / "new.txt").read_text() == "x"
