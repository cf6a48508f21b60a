"""Tables are as wide as the terminal, and whole where there is none."""

import re

import pytest

from wenv.cli.printer import Printer

HEADINGS = ("Name", "Size", "What it is")
ROWS = [("one", "12 MB", "words " * 20), ("two", "7 kB", "more words")]


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int | None) -> list[str]:
    monkeypatch.setenv("TERM", "xterm")
    if width is None:
        monkeypatch.delenv("FORCE_COLOR", raising=False)
    else:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    Printer().table(HEADINGS, ROWS, right=(1,), optional=(2,))
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in capsys.readouterr().out.splitlines()]


def test_a_pipe_gets_every_cell_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(capsys, monkeypatch, None)
    assert len(lines) == 3
    assert lines[1].rstrip().split(None, 3) == ["one", "12", "MB", ("words " * 20).rstrip()]


def test_a_terminal_gets_lines_that_fit(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(capsys, monkeypatch, 60)
    assert max(map(len, lines)) <= 60
    assert " ".join(lines).count("words") == 21
    assert lines[0].split() == ["Name", "Size", "What", "it", "is"]


def test_nothing_is_cut_off(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(capsys, monkeypatch, 7)
    assert max(map(len, lines)) <= 7
    shown = sorted("".join("".join(line.split()) for line in lines))
    assert shown == sorted("NameSizeone12MBtwo7kB")


def test_a_narrow_terminal_gets_fewer_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(capsys, monkeypatch, 20)
    assert [line.split() for line in lines] == [["Name", "Size"], ["one", "12", "MB"], ["two", "7", "kB"]]
