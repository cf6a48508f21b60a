"""Runs the commands that a document prints, and compares what they print with what the document says.

A document is one story: its blocks run one after the other, in one shell, in an empty folder. ``console`` blocks hold commands
(``$ ``) and what they print, where ``…`` stands for anything that varies; a line that is nothing else stands for any number of
lines. ``sh`` blocks hold commands that must succeed, ``python`` blocks programs for the host's Python. A comment before a block
says if it is not for here: ``<!-- test: long -->`` (also for a whole document, in its first lines) and ``<!-- test: make -->``
(targets of the Makefile).
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect

from tests.conftest import Wenv

_BLOCK = re.compile(
    r"(?:<!-- test: (?P<mark>\w+) -->\n)?^```(?P<language>console|sh|python)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
HOME = "/home/you"
#: Lines that come at the first use of a machine only.
FIRST_USE = ("Preparing ",)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a document: its language, its text, and the mark before it."""

    language: str
    text: str
    mark: str

    @property
    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Each command with the lines that follow it."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif self.language == "sh":
                found.append((line.partition("    #")[0], []))
            else:
                found[-1][1].append(line)
        return iter(found)


def blocks(document: str) -> list[Block]:
    """The blocks of a document that are to be run."""
    return [Block(m["language"], m["text"], m["mark"] or "") for m in _BLOCK.finditer(document)]


def is_long(document: str) -> bool:
    """Whether a document says of itself that it takes minutes."""
    return "<!-- test: long -->\n" in "".join(document.splitlines(keepends=True)[:4])


class Shell:
    """A shell in which a document's commands run one after the other."""

    def __init__(self, wenv: Wenv) -> None:
        self._wenv, self.folder = wenv, wenv.folder
        programs = wenv.folder.parent / "programs"
        programs.mkdir()
        self._program(programs / "wenv", f'exec "{sys.executable}" -P -m wenv "$@"')
        self._program(programs / "wenvx", f'exec "{sys.executable}" -P -m wenv tool run "$@"')
        wasmtime = Path(sys.prefix, "lib").glob("python*/site-packages/wasmtime_cli/wasmtime")
        for path in wasmtime:
            path.chmod(0o755)
            self._program(programs / "wasmtime", f'exec "{path}" "$@"')
        found = os.pathsep.join((str(programs), wenv.environment["PATH"]))
        self.environment = {**wenv.environment, "PATH": found, "TERM": "dumb", "NO_COLOR": "1"}
        self.environment["WENV_BIN_DIR"] = str(programs)
        self._bash = subprocess.Popen(
            ["bash", "--norc"], cwd=wenv.folder, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @staticmethod
    def _program(path: Path, text: str) -> None:
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, command: str) -> tuple[str, int]:
        """Run a command; returns what it printed and its exit status."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{ {command}\n}} < /dev/null\nprintf '\\036%d\\n' $?\n")
        self._bash.stdin.flush()
        printed = []
        for line in self._bash.stdout:
            before, mark, status = line.partition("\x1e")
            printed.append(before)
            if mark:
                return self._as_printed("".join(printed)), int(status)
        raise AssertionError(f"the shell ended in {command!r}")

    def prompt(self, command: str, entered: list[str]) -> str:
        """Run a command that asks, and enter lines; returns what it shows, with the prompts."""
        place, _ = self.run("pwd -P")
        folder = place.strip().replace(HOME, str(self.folder), 1)
        process = pexpect.spawn(
            "bash", ["-c", f"exec {command}"], cwd=folder, encoding="utf-8", dimensions=(40, 200), timeout=60,
            env={**self.environment, "PROMPT_TOOLKIT_NO_CPR": "1"},
        )  # fmt: skip
        shown = ""
        for line in entered:
            process.expect_exact(">>>")
            shown += process.before + ">>>"
            process.send(line + "\r")
        process.expect(pexpect.EOF)
        process.close()
        return self._as_printed(shown + process.before)

    def _as_printed(self, text: str) -> str:
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "")
        return text.replace(str(self.folder.resolve()), HOME).replace(str(self.folder), HOME)

    def close(self) -> None:
        """End the shell."""
        assert self._bash.stdin is not None
        self._bash.stdin.close()
        self._bash.wait(60)


def difference(expected: list[str], printed: str) -> str | None:
    """What is wrong with what was printed, None if it is as the document says."""
    wanted = "".join(_pattern(line) for line in expected)
    got = "".join(f"{line.rstrip()}\n" for line in printed.splitlines() if not line.startswith(FIRST_USE))
    return None if re.fullmatch(wanted, got) else "the document says\n" + "\n".join(expected) + "\nand there came\n" + got


def _pattern(line: str) -> str:
    if line.startswith(FIRST_USE):
        return ""
    if line.strip() == "…":
        return r"(?:.*\n)*?"
    return "[^\\n]*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"\n"


def run(shell: Shell, block: Block) -> None:
    """Run a block.  Raises AssertionError where something else came."""
    if block.language == "python":
        (shell.folder / "block.py").write_text(block.text)
        place, _ = shell.run("pwd -P")
        said, status = shell.run(f"{sys.executable} {shell.folder / 'block.py'}")
        assert status == 0, f"{place}{said}"
        for line in re.findall(r"#\s*(\d+|'.*')\s*$", block.text, re.MULTILINE):
            assert line in said, said
        return
    for command, expected in block.commands:
        if any(line.startswith(">>> ") for line in expected):
            entered = [line[4:] for line in expected if line.startswith(">>> ")]
            said = shell.prompt(command, entered)
            for line in expected:
                assert line.removeprefix(">>> ") in said, said
            continue
        said, status = shell.run(command)
        if block.language == "sh":
            assert status == 0, f"{command}: {said}"
        elif (wrong := difference(expected, said)) is not None:
            raise AssertionError(f"{command}: {wrong}")
