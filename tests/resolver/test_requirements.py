"""What a user asks for, in all the ways to say it."""

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.wheel_builder import Wheel
from wenv_cache.reading import Given
from wenv_resolver import reading
from wenv_resolver.errors import RequirementsError
from wenv_resolver.requirements import IndexOptions, Line, Requested
from wenv_resolver.target import Target


def gather(target: Target, names: list[str], files: list[Path], constraints: list[Path], **options: Any) -> Requested:
    """All that is named, for a target."""
    return reading.gather(names, files, constraints, **options).requested_for(target)


def texts(requested: Requested) -> list[str]:
    return [line.text for line in requested.requirements]


def test_a_requirements_file_with_everything(tmp_path: Path, target: Target, wheels: Path) -> None:
    wheel = Wheel("local").write(wheels)
    (tmp_path / "base.txt").write_text("attrs>=22\n")
    (tmp_path / "limits.txt").write_text("idna<4\n")
    (tmp_path / "requirements.txt").write_text(
        f"""# a comment
-r base.txt
-c limits.txt
--find-links {wheels}
--pre
requests[socks] >= 2 ; python_version > "3"
pinned==1.0 --hash=sha256:{"a" * 64} --hash=sha256:{"b" * 64}
named @ file://{wheel}
{wheel}
long-name \\
  >= 1
"""
    )
    requested = gather(target, [], [tmp_path / "requirements.txt"], [])
    assert texts(requested) == [
        "attrs>=22",
        'requests[socks]>=2 ; python_version > "3"',
        "pinned==1.0",
        f"named @ file://{wheel}",
        f"local @ file://{wheel}",
        "long-name>=1",
    ]
    assert requested.requirements[2].hashes == ("a" * 64, "b" * 64)
    assert [line.text for line in requested.constraints] == ["idna<4"]
    assert requested.options == IndexOptions(find_links=(str(wheels),), pre=True)


def test_what_is_gathered_survives_a_manifest(tmp_path: Path, target: Target) -> None:
    options = IndexOptions(index_url="scheme://user:secret@somewhere/simple", extra_index_urls=("scheme://two",), no_index=True)
    requested = gather(target, ["a>1", "b[x]"], [], [], options=options)
    text = str(requested.as_json())
    assert "secret" not in text
    assert "scheme://somewhere/simple" in text
    again = Requested.read(Given(requested.as_json()))
    assert texts(again) == texts(requested)
    assert again.options.no_index


PROJECT = """
[project]
name = "my.project"
requires-python = ">=3.9"
dependencies = ["attrs", "y; sys_platform == 'win32'"]
[project.optional-dependencies]
web = ["flask"]
Big_One = ["my-project[web]", "numpy"]
[dependency-groups]
test = ["pytest", {include-group = "types"}]
types = ["mypy"]
"""


def test_a_project_with_extras_and_groups(tmp_path: Path, target: Target) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(PROJECT)
    assert texts(gather(target, [], [path], [])) == ["attrs", 'y ; sys_platform == "win32"']
    both = gather(target, [], [path], [], extras=["big-one"], groups=["test"])
    assert [line.name for line in both.requirements] == ["attrs", "y", "flask", "numpy", "pytest", "mypy"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project]\nname='x'\ndynamic=['dependencies']", "dynamic"),
        ("[project]\nname='x'\nrequires-python='<3'", "requires Python"),
        ("[project]\nname='x'\nrequires-python='nonsense'", "requires-python"),
        ("[project", "pyproject"),
    ],
)
def test_projects_that_cannot_be_read(tmp_path: Path, target: Target, text: str, message: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(RequirementsError, match=message):
        gather(target, [], [path], [])


def test_unknown_extras_and_groups_are_named(tmp_path: Path, target: Target) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(PROJECT)
    with pytest.raises(RequirementsError, match="no extra 'nope'") as caught:
        gather(target, [], [path], [], extras=["nope"])
    assert "big-one, web" in str(caught.value.hint)
    with pytest.raises(RequirementsError, match="nope"):
        gather(target, [], [path], [], groups=["nope"])
    with pytest.raises(RequirementsError, match=r"pyproject\.toml"):
        gather(target, ["attrs"], [], [], extras=["web"])


@pytest.mark.parametrize(
    "text",
    [
        "not valid!",
        "==1",
        "a --config-settings=x=y",
        "a --find-links=.",
        "./missing.whl",
        "-e ./nosuch",
        "--nonsense",
        "a==1 --hash=sha512:ab",
        "--require-hashes\na==1",
    ],
)
def test_requirements_that_cannot_be_read(tmp_path: Path, target: Target, text: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(text + "\n")
    with pytest.raises(RequirementsError):
        gather(target, [], [path], [])


def test_later_requirements_replace_earlier_ones_of_a_project() -> None:
    old = Requested((Line("Attrs<22"), Line("rich")), (), IndexOptions(pre=True))
    merged = old.merged(Requested((Line("attrs>=22"),)))
    assert texts(merged) == ["rich", "attrs>=22"]
    assert merged.options.pre
    assert texts(merged.without(["Rich"])) == ["attrs>=22"]


def test_a_file_that_wants_no_index(tmp_path: Path, target: Target) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("--no-index\n--find-links .\nrich\n")
    found = gather(target, [], [file], [])
    assert (found.options.no_index, found.options.index_url) == (True, None)


def test_groups_without_a_file_are_of_the_project_here(tmp_path: Path, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[project]\nname = 'mine'\nversion = '1'\ndependencies = ['zzone']\n"
        "[project.optional-dependencies]\nfast = ['zzfast']\n"
        "[dependency-groups]\ntest = ['zztest', 'mine[fast]']\n"
    )
    monkeypatch.chdir(tmp_path)
    found = gather(target, ["zztwo"], [], [], groups=["test"])
    assert [line.text for line in found.requirements] == ["zztest", "zzfast", "zztwo"]
    with pytest.raises(RequirementsError) as caught:
        gather(target, ["."], [], [], extras=["fast"])
    assert caught.value.hint == "-r pyproject.toml, or '.[EXTRA]'"
    monkeypatch.chdir("/")
    with pytest.raises(RequirementsError, match="need a pyproject"):
        gather(target, ["zztwo"], [], [], groups=["test"])
