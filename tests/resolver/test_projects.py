"""Projects, scripts and files of other tools: read as these read them, or refused by name with the way to go on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.wheel_builder import Wheel
from wenv_cache.store import Store
from wenv_resolver.errors import RequirementsError
from wenv_resolver.pip_settings import settings
from wenv_resolver.progress import Silent
from wenv_resolver.reading import Gathered, as_configured, gather
from wenv_resolver.requirements import IndexOptions, Requested, moment
from wenv_resolver.resolve import decide, resolve
from wenv_resolver.target import Target

HEAD = '[project]\nname = "mine"\nversion = "1"\n'


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_CONSTRAINT", "PIP_REQUIRE_HASHES", "PIP_ONLY_BINARY"):
        monkeypatch.delenv(name, raising=False)


def read(tmp_path: Path, name: str, text: str, **options: Any) -> Gathered:
    path = tmp_path / name
    path.write_text(text)
    return gather((), [path], (), **options)


def lines(found: Gathered) -> list[str]:
    return [line.text for line in found.requested.requirements]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        # the project's own name stands for its extras, wherever it is written, with the markers around it
        ("dependencies = ['six', 'mine[fast]']\n[project.optional-dependencies]\nfast = ['toolz']", {}, ["six", "toolz"]),
        (
            "[project.optional-dependencies]\nall = ['mine[fast]; os_name == \"nt\"']\nfast = ['toolz']",
            {"extras": ["all"]},
            ['toolz ; os_name == "nt"'],
        ),
        (
            "[project.optional-dependencies]\nall = ['mine[fast]; os_name == \"nt\"']\nfast = ['a; python_version > \"3\"']",
            {"extras": ["all"]},
            ['a ; os_name == "nt" and python_version > "3"'],
        ),
        (
            "[project.optional-dependencies]\ntest = ['six']\n[dependency-groups]\ndev = ['mine[test]', 'Mine']",
            {"groups": ["dev"]},
            ["six"],
        ),
        ("[project.optional-dependencies]\na = ['mine[b]']\nb = ['mine[a]', 'six']", {"extras": ["a"]}, ["six"]),
        # uv's table
        ("[tool.uv]\ndev-dependencies = ['six']", {"groups": ["dev"]}, ["six"]),
        ("dependencies = ['a']\n[tool.uv.sources]\nA = { url = 'https://example.invalid/a-1.zip' }", {}, ["a @ https://example.invalid/a-1.zip"]),
        (
            "dependencies = ['a>1']\n[tool.uv.sources]\na = { git = 'https://example.invalid/a', tag = 'v1' }",
            {},
            ["a @ git+https://example.invalid/a@v1"],
        ),
    ],
)  # fmt: skip
def test_a_project_is_read_as_its_tools_read_it(
    tmp_path: Path, text: str, options: dict[str, Any], expected: list[str]
) -> None:
    assert lines(read(tmp_path, "pyproject.toml", HEAD + text, **options)) == expected


def test_what_uv_is_told_of_indexes_and_builds_is_obeyed(tmp_path: Path) -> None:
    text = """dependencies = ['six']
[tool.uv]
constraint-dependencies = ['six<2']
no-build = true
no-binary-package = ['toolz']
[[tool.uv.index]]
url = 'https://example.invalid/first'
default = true
[[tool.uv.index]]
url = 'https://example.invalid/second'
[[tool.uv.index]]
name = 'named'
url = 'https://example.invalid/third'
explicit = true
"""
    found = read(tmp_path, "pyproject.toml", HEAD + text).requested
    assert [line.text for line in found.constraints] == ["six<2"]
    assert found.options == IndexOptions(
        "https://example.invalid/first", ("https://example.invalid/second",), no_binary=("toolz",), only_binary=(":all:",)
    )


@pytest.mark.parametrize(
    ("name", "text", "words", "way"),
    [
        ("pyproject.toml", "[tool.poetry]\nname='a'\n[tool.poetry.dependencies]\ntoolz='*'", "poetry's own", "poetry export"),
        ("pyproject.toml", "[tool.pdm]\n[tool.pdm.dev-dependencies]\nx=['y']", "pdm's own", "pdm export"),
        ("pyproject.toml", "[build-system]\nrequires=['setuptools']", "no [project] table", ""),
        ("pyproject.toml", "[dependency-groups]\ndev=['six']", "no [project] table", "dev"),
        ("pyproject.toml", HEAD + "[tool.uv]\noverride-dependencies=['a']", "override-dependencies", ""),
        ("pyproject.toml", HEAD + "[tool.uv]\nexclude-newer='last week'", "exclude-newer", ""),
        ("pyproject.toml", HEAD + "dependencies=['a']\n[tool.uv.sources]\na={workspace=true}", "workspace", "uv export"),
        ("pyproject.toml", HEAD + "dependencies=['a']\n[tool.uv.sources]\na={index='x'}", "index", "uv export"),
        ("Pipfile", "[packages]\nsix='*'", "pipenv's file", "pipenv requirements"),
        ("Pipfile.lock", "{}", "pipenv's lock", "pipenv requirements"),
        ("poetry.lock", "", "poetry's lock", "poetry export"),
        ("uv.lock", "version=1", "uv's lock", "uv export"),
        ("pdm.lock", "", "pdm's lock", "pdm export"),
        ("environment.yml", "name: x", "conda", "requirements.txt"),
        ("setup.py", "import setuptools", "a program", "folder"),
        ("setup.cfg", "[flake8]\n", "no section [options]", ""),
        ("setup.cfg", "[options]\ninstall_requires = file: other.txt", "another file", "-r other.txt"),
        ("plain.py", "import os", "no block of script metadata", "PEP 723"),
        ("twice.py", "# /// script\n# x=1\n# ///\nx = 1\n# /// script\n# x=1\n# ///\n", "2 blocks", ""),
        ("wrong.py", "# /// script\n# dependencies = [\n# ///\n", "script metadata", ""),
        ("a-1.0-py3-none-any.whl", "", "a wheel", "without -r"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path, name: str, text: str, words: str, way: str) -> None:
    with pytest.raises(RequirementsError) as caught:
        read(tmp_path, name, text)
    assert words in str(caught.value)
    assert way in (caught.value.hint or "")


def test_setup_cfg_and_scripts_are_read(tmp_path: Path, target: Target) -> None:
    text = "[metadata]\nname=x\n[options]\npython_requires=>=3.9\ninstall_requires=\n  six\n  toolz; os_name=='nt'\n"
    found = read(tmp_path, "setup.cfg", text + "[options.extras_require]\ntest = idna\n", extras=["test"])
    assert [line.name for line in found.requested.requirements] == ["six", "toolz", "idna"]
    script = '# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n#   "six>1",\n# ]\n# ///\nimport six\n'
    assert lines(read(tmp_path, "job.py", script)) == ["six>1"]
    with pytest.raises(RequirementsError, match=r"requires Python <3\.12"):
        read(tmp_path, "old.py", script.replace(">=3.11", "<3.12")).requested_for(target)


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml", "Pipfile", "environment.yml", "uv.lock", "dev.in"])
def test_the_name_of_a_file_is_not_taken_for_a_package(name: str) -> None:
    with pytest.raises(RequirementsError, match="name of a file") as caught:
        gather([name], (), ())
    assert caught.value.hint == f"-r {name} takes what it names"


def test_an_empty_input_says_so(tmp_path: Path) -> None:
    assert read(tmp_path, "requirements.txt", "# nothing\n").warnings == (
        f"{tmp_path / 'requirements.txt'} names no requirement",
    )


def test_what_pip_is_configured_with_holds(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> Requested:
        return as_configured(gather(["toolz"], (), ()).requested, settings(store))

    limits, file = tmp_path / "limits.txt", tmp_path / "pip.conf"
    limits.write_text("toolz==0.12.0\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    assert asked().constraints == asked().constraints == ()
    file.write_text(f"[install]\nconstraint = {limits}\n")  # was not there when pip was asked
    assert [line.text for line in asked().constraints] == ["toolz==0.12.0"]
    limits.write_text("toolz==0.12.1\n")
    assert [line.text for line in asked().constraints] == ["toolz==0.12.1"]
    file.write_text("")
    assert asked().constraints == ()
    monkeypatch.setenv("PIP_CONSTRAINT", str(limits))
    assert [line.text for line in asked().constraints] == ["toolz==0.12.1"]
    monkeypatch.setenv("PIP_REQUIRE_HASHES", "1")
    with pytest.raises(RequirementsError, match="require hashes"):
        asked()


def test_a_password_in_pips_settings_is_not_kept(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://somebody:secret@index.example/simple\n")
    assert settings(store).values["global.index-url"].startswith("https://somebody")
    assert not any(b"secret" in path.read_bytes() for path in store.root.rglob("*") if path.is_file())


@pytest.mark.parametrize("way", ["file", "variable"])
def test_a_file_that_forbids_builds_has_none(
    tmp_path: Path, store: Store, target: Target, wheels: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    from tests.helpers.source_builder import Source

    Source("zzsource").write(wheels)
    text = f"--no-index\n--find-links {wheels}\nzzsource\n"
    if way == "variable":
        monkeypatch.setenv("PIP_ONLY_BINARY", ":all:")
    else:
        text = "--only-binary :all:\n" + text
    requested = read(tmp_path, "requirements.txt", text).requested_for(target)
    [decided] = decide(store, requested, target, Silent())
    assert decided.file is None
    assert "only wheels are allowed" in str(decided.problem)


def test_a_line_whose_marker_does_not_hold_needs_no_file(tmp_path: Path, store: Store, target: Target, wheels: Path) -> None:
    Wheel("zza").write(wheels)
    text = f'x @ file:///nowhere/x-1.0-py3-none-any.whl ; sys_platform == "win32"\n--no-index\n--find-links {wheels}\nzza\n'
    assert [file.name for file in resolve(store, read(tmp_path, "r.txt", text).requested_for(target), target, Silent())] == [
        "zza"
    ]


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def say(self, text: str) -> None:
        """Keep it."""
        self.words.append(text)


def test_what_pip_warns_of_is_said(store: Store, target: Target, wheels: Path) -> None:
    Wheel("zzextra", "2.0", requires=["zznot (>dev)"]).write(wheels)
    Wheel("zzextra", "1.0").write(wheels)
    heard = Heard()
    options = IndexOptions(find_links=(str(wheels),), no_index=True)
    requested = gather(["zzextra[nosuch]"], (), (), options=options).requested
    [file] = resolve(store, requested, target, heard)
    assert file.version == "1.0"
    said = "\n".join(heard.words)
    assert "does not provide the extra 'nosuch'" in said
    assert "Ignoring version 2.0 of zzextra since it has invalid metadata" in said


def test_moments_are_the_same_everywhere() -> None:
    assert moment("2026-01-31") == "2026-02-01T00:00:00+00:00"
    assert moment("2026-01-31T12:00:00Z") == moment("2026-01-31T12:00:00") == "2026-01-31T12:00:00+00:00"
    assert moment("2026-01-31T12:00:00+02:00") == "2026-01-31T10:00:00+00:00"
    before, hour = datetime.now(UTC), timedelta(hours=1)
    for text, span in (("1 week", 7), ("7 days", 7), ("P7D", 7), ("168 hours", 7), ("PT24H", 1), ("1d", 1)):
        assert (
            before - timedelta(days=span) - hour
            < datetime.fromisoformat(moment(text))
            <= datetime.now(UTC) - timedelta(days=span)
        )
    for text in ("yesterday", "", "1 year", "2026-13-01"):
        with pytest.raises(ValueError, match=r"."):
            moment(text)
