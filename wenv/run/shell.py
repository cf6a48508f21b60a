"""The prompt of `wenv shell`: prompt_toolkit on the host's side, one living session in the guest.

The guest works in a thread, so that the main thread hears Ctrl-C: the first becomes a KeyboardInterrupt in the guest, a second
one ends the session.  A module's interpreter is interrupted by setting the flags in its memory that a signal would set; a
component's looks for a file while it runs.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

from wenv.engine.limits import Limits
from wenv.engine.replies import read_reply, texts
from wenv.engine.session import Session
from wenv.environment.granting import policy_of
from wenv.environment.manifest import Environment
from wenv.errors import DiskLimitError, Exit, TimeLimitError, TrapError
from wenv.guest.command_line import CommandLine
from wenv.guest.request import Service
from wenv.launcher.limits import Bounds, Watch, lift_limits, limit_process
from wenv.launcher.private_folders import PrivateFolders
from wenv.launcher.program import Program
from wenv.launcher.protect import changed, protect, protected, state
from wenv.launcher.removal import stop_and_remove
from wenv.locations import history_file
from wenv.policy.policy import Policy
from wenv.run.outside import Outside
from wenv.run.run import CHANGED, sandbox
from wenv.snapshot.ready import Ready
from wenv_cache.reading import Given, printable
from wenv_resolver.progress import Progress

HELP = "Tab completes, Ctrl-C stops what runs, Ctrl-D leaves."
#: Seconds between looks at whether the guest has finished; Ctrl-C is heard in between on every platform.
WAKE = 0.2


class GuestThread:
    """Calls into one session, all from one thread."""

    def __init__(self, private: PrivateFolders, policy: Policy) -> None:
        self._policy, self._bounds = policy, Bounds(policy.as_json())
        self._watch: Watch | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="guest")
        self._private = private
        self.session: Session | None = None
        self._running: Future[Any] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether code of the user's runs."""
        return self._running is not None and not self._running.done()

    def open(self, make: Callable[[], Session]) -> None:
        """Make the session, under the limits of the policy."""
        self.session = self._pool.submit(make).result()
        limit_process(self._bounds, writes_elsewhere=self._policy.shares_for_writing)
        self._watch = Watch(self._bounds, self._private.measured)

    def call(self, name: Service, argument: object) -> Any:
        """A call that the user does not wait for long."""
        assert self.session is not None
        return self._pool.submit(self.session.call, name, argument).result()

    def interruptible(self, name: Service, argument: object) -> Any:
        """A call that runs the user's code.

        Raises KeyboardInterrupt at the second Ctrl-C, and TrapError at a limit, with the session at its end.
        """
        assert self.session is not None
        self._private.clear_interrupt()
        future = self._running = self._pool.submit(self.session.call, name, argument)
        interrupted = False
        deadline = None if self._policy.time is None else time.monotonic() + self._policy.time
        while True:
            try:
                outcome = self._wait(future, deadline)
                self.session.check_output()
                return outcome
            except KeyboardInterrupt:
                if interrupted:
                    self.session.stop()
                    raise
                interrupted = True
                if not self.session.interrupt():
                    self._private.interrupt()

    def _wait(self, future: "Future[Any]", deadline: float | None) -> Any:
        assert self.session is not None
        assert self._watch is not None
        while True:
            pause = min(WAKE, max(0.01, self._watch.pause))
            try:
                return future.result(pause if deadline is None else max(0.0, min(pause, deadline - time.monotonic())))
            except TimeoutError:
                if future.done():
                    raise
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeLimitError(self._policy.time or 0.0)
            if self.session.is_over:
                raise self.session.ended()
            if reason := self._watch.look():
                raise DiskLimitError(reason)

    def close(self) -> None:
        """Do not wait for a guest that does not end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def run_shell(
    ready: Ready, granted: Policy, progress: Progress, databases: Sequence[Path] = (), outside: Outside | None = None
) -> int:
    """Read, run and show until the user leaves; returns the exit status."""
    environment = ready.environment
    policy = policy_of(environment).widened(granted)
    with sandbox(ready, Program("code", "", CommandLine("code")), policy, progress, databases, outside) as prepared:
        guarded = protected(prepared.shared)
        before = None if protect(guarded, prepared.shared) else state(guarded)
        guest = GuestThread(prepared.private, policy)
        component = ready.runtime.component(progress, environment.natives, prepared.baking)
        guest.open(
            lambda: Session(
                component,
                prepared.preopens,
                Limits(policy.memory, policy.output),
                broker=prepared.broker,
                children=prepared.children,
            )
        )
        try:
            opened = guest.call("shell.open", prepared.request)
            version = read_reply("shell.open", opened, lambda given: given["version"].text(longest=100))
            _greet(f"Python {version} in {environment.label} (sandbox). {HELP}")
            for source in _inputs(environment, guest):
                outcome = guest.interruptible("shell.execute", source)
                left_with = read_reply("shell.execute", outcome, _left_with)
                if left_with is not None:
                    guest.call("shell.close", None)
                    return left_with
            return read_reply("shell.close", guest.call("shell.close", None), _status)
        except KeyboardInterrupt:
            _greet("session ended by the second Ctrl-C; its variables are gone")
            _leave_without_waiting(prepared.private, Exit.INTERRUPTED)
        except TrapError as error:
            if not guest.is_busy:
                raise
            _greet(f"error: {printable(str(error))}; the session is over")
            _leave_without_waiting(prepared.private, error.status)
        except SystemExit as leaving:  # os._exit in the guest, or a signal
            if guest.is_busy:
                _leave_without_waiting(prepared.private, int(leaving.code or 0))
            left = prepared.private.exit_status()
            return int(leaving.code or 0) if left is None else left
        finally:
            guest.close()
            lift_limits()
            if before is not None and (files := changed(before, guarded)):
                _greet(CHANGED.format(files=", ".join(files[:5])))


def _greet(line: str) -> None:
    print(line, file=sys.stderr)


def _inputs(environment: Environment, guest: GuestThread) -> Iterator[str]:
    """What the user enters, one complete input at a time."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.lexers import PygmentsLexer
    from pygments.lexers.python import PythonLexer

    history = history_file(environment.folder)
    history.parent.mkdir(parents=True, exist_ok=True)
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        text = buffer.text
        last = text.rpartition("\n")[2]
        # a block ends with an empty line, as at CPython's prompt; one line, or lines that end unindented, by themselves
        ended = not last.strip() or not last.startswith((" ", "\t"))
        at_end = not buffer.document.text_after_cursor.strip()
        if not text.strip() or (at_end and ended and guest.call("shell.check", text.rstrip(" \t")) == "complete"):
            buffer.validate_and_handle()
        else:
            buffer.newline(copy_margin=True)
            if last.rstrip().endswith(":"):
                buffer.insert_text("    ")

    @keys.add("tab")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if not buffer.document.current_line_before_cursor.strip():
            buffer.insert_text("    ")
        elif buffer.complete_state:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    prompt: PromptSession[str] = PromptSession(
        history=FileHistory(str(history)),
        lexer=PygmentsLexer(PythonLexer),
        completer=_completer(guest),
        complete_while_typing=False,
        key_bindings=keys,
        multiline=True,
        prompt_continuation="... ",
        enable_history_search=False,
    )
    while True:
        try:
            text = prompt.prompt(">>> ")
        except KeyboardInterrupt:
            continue  # the line is cleared, as at CPython's prompt
        except EOFError:
            return
        if text.strip():
            yield text.rstrip("\n") + "\n"


def _status(given: Given) -> int:
    return given.whole(0, 255)


def _left_with(given: Given) -> int | None:
    """The status with which a statement asked to leave, if it did."""
    status = _status(given["status"])
    return status if given["leave"].truth() else None


def _completer(guest: GuestThread) -> Any:
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document

    class GuestCompleter(Completer):
        """Asks the living guest."""

        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
            text = document.current_line_before_cursor
            word = len(text)
            while word and (text[word - 1].isalnum() or text[word - 1] in "_."):
                word -= 1
            for match in read_reply("shell.complete", guest.call("shell.complete", text), texts):
                yield Completion(match, start_position=word - len(text), display=match.rpartition(".")[2] or match)

    return GuestCompleter()


def _leave_without_waiting(private: PrivateFolders, status: int) -> NoReturn:
    """The guest may sit in a call of the host's that never ends: leave the process with its thread."""
    stop_and_remove([private.root], str(int(status)))
