"""What a run may see, and how it is said on the command line."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from wenv.errors import MountError, UsageError
from wenv.guest.command_line import CommandLine, CommandLineError, parse
from wenv.launcher.request import terminal_variables, variables
from wenv.locations import guest_path
from wenv.policy.mounts import Mount
from wenv.policy.policy import Policy
from wenv.policy.text import parse_size, parse_variable
from wenv_cache.reading import Given


def test_mounts(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    assert Mount.parse(str(folder)) == Mount(folder, PurePosixPath(folder), writable=False)
    assert Mount.parse(f"{folder}:/data") == Mount(folder, PurePosixPath("/data"), writable=False)
    assert Mount.parse(f"{folder}:/data:rw") == Mount(folder, PurePosixPath("/data"), writable=True)
    assert Mount.parse(f"{folder}:rw") == Mount(folder, PurePosixPath(folder), writable=True)
    assert Mount.parse(str(Mount.parse(f"{folder}:/data:rw"))) == Mount.parse(f"{folder}:/data:rw")


@pytest.mark.parametrize("guest", ["/python", "//python", "/wenv/x", "/wenv", "/dev", "/tmp", "relative", "/a/../python"])
def test_places_that_belong_to_the_sandbox(tmp_path: Path, guest: str) -> None:
    with pytest.raises(MountError):
        Mount.parse(f"{tmp_path}:{guest}")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MountError, match="nowhere"):
        Mount.parse(str(tmp_path / "nowhere"))


def test_windows_paths_have_one_name_in_the_guest() -> None:
    assert guest_path(PureWindowsPath(r"C:\Users\me\x")) == PurePosixPath("/c/Users/me/x")
    assert guest_path(PurePosixPath("/home/me")) == PurePosixPath("/home/me")
    assert guest_path(PurePosixPath("/tmp/x")) == PurePosixPath("/tmp/x")
    assert guest_path(PurePosixPath("/tmp")) == PurePosixPath("/host/tmp")
    assert guest_path(PurePosixPath("/dev/shm")) == PurePosixPath("/host/dev/shm")


def test_the_store_is_never_shared_for_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_cache: Path) -> None:
    shared_cache.mkdir(parents=True, exist_ok=True)
    for folder in (shared_cache, shared_cache.parent):
        Mount(folder, PurePosixPath("/x")).check_writable()
        with pytest.raises(MountError, match="own files"):
            Mount(folder, PurePosixPath("/x"), writable=True).check_writable()


def test_sizes() -> None:
    assert [parse_size(text) for text in ("1", "2k", "1.5M", "2G", "64MiB", "10 kb")] == [
        1, 2048, 3 << 19, 2 << 30, 64 << 20, 10240,
    ]  # fmt: skip
    for text in ("", "x", "-1", "1T"):
        with pytest.raises(UsageError):
            parse_size(text)


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIVEN", "here")
    monkeypatch.delenv("ABSENT", raising=False)
    assert parse_variable("A=b=c") == ("A", "b=c")
    assert parse_variable("GIVEN") == ("GIVEN", None)
    given = Policy(environment=(("A", "1"), ("B", None), ("C", None))).as_json()
    assert variables(given, {"B": "2"}) == {"A": "1", "B": "2"}
    for text in ("ABSENT", "=x", ""):
        with pytest.raises(UsageError):
            parse_variable(text)
    assert terminal_variables({"TERM": "xterm", "SECRET": "s"}) == {"TERM": "xterm", "HOME": "/tmp", "TMPDIR": "/tmp"}


def test_policies_add_up(tmp_path: Path) -> None:
    kept = Policy(mounts=(Mount.parse(str(tmp_path)),), environment=(("A", "1"),), memory=5, time=2.0)
    both = kept.widened(Policy(write=True, environment=(("B", "2"),), memory=7))
    assert (both.write, both.environment, both.memory, both.time) == (True, (("A", "1"), ("B", "2")), 7, 2.0)
    assert Policy.read(Given(both.as_json())) == both


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("script.py -m x", CommandLine("script", "script.py", ("-m", "x"))),
        ("-m module -c y", CommandLine("module", "module", ("-c", "y"))),
        ("-mmodule", CommandLine("module", "module")),
        ("-c code a", CommandLine("code", "code", ("a",))),
        ("-uIc code", CommandLine("code", "code", (), unbuffered=True, safe_path=True)),
        ("-W error -Wignore -B x", CommandLine("script", "x", (), warnings=("error", "ignore"))),
        ("-", CommandLine("stdin")),
        ("- a b", CommandLine("stdin", "", ("a", "b"))),
        ("", CommandLine("prompt")),
        ("-V", CommandLine("version")),
        ("-- -x.py", CommandLine("script", "-x.py")),
    ],
)
def test_command_lines_of_python(arguments: str, expected: CommandLine) -> None:
    assert parse(arguments.split()) == expected


@pytest.mark.parametrize("option", ["-O", "-OO", "-X dev", "-Xdev", "-S", "-v", "-i", "-x"])
def test_options_that_cannot_be_honoured_are_refused_by_name(option: str) -> None:
    with pytest.raises(CommandLineError, match=option[:2]):
        parse([*option.split(), "x.py"])


@pytest.mark.parametrize("arguments", [["-m"], ["-c"], ["-Z"], ["--wrte", "x.py"], ["-W"]])
def test_command_lines_that_are_wrong(arguments: list[str]) -> None:
    with pytest.raises(CommandLineError):
        parse(arguments)
