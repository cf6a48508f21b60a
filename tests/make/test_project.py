"""A project's files and its environment, changed together; and what is there for whose sake."""

from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel

PROJECT = """\
[project]
name = "mine"
version = "1"
# what it needs
dependencies = [
  "zzbase",  # this one
]

[tool.other]
kept = {  a = 1 }
"""


@pytest.fixture
def project(wenv: Wenv, wheels: Path) -> Wenv:
    """A project that needs one package of a few, and no index."""
    for name, version, requires in (
        ("zzbase", "1.0", []), ("zztop", "1.0", ["zzmiddle"]), ("zzmiddle", "1.0", ["zzbase"]), ("zzother", "1.0", []),
        ("zzother", "2.0", []),
    ):  # fmt: skip
        Wheel(name, version, requires=requires).write(wheels)
    wenv.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    (wenv.folder / "pyproject.toml").write_text(PROJECT)
    return wenv


def text(project: Wenv) -> str:
    return (project.folder / "pyproject.toml").read_text()


def test_add_and_drop_change_the_file_and_the_environment(project: Wenv) -> None:
    project("add", "zztop", "zzother<2")
    assert text(project) == PROJECT.replace(
        '  "zzbase",  # this one\n', '  "zzbase",  # this one\n  "zztop>=1.0",\n  "zzother<2",\n'
    )
    assert project("freeze").split() == ["zzbase==1.0", "zzmiddle==1.0", "zzother==1.0", "zztop==1.0"]
    project("add", "zzother")
    assert '"zzother<2"' in text(project)
    project("add", "--group", "test", "zzother<2")
    project("add", "--optional", "more", "zzother==1.0")
    assert '[dependency-groups]\ntest = [\n    "zzother<2",\n]' in text(project)
    assert 'more = [\n    "zzother==1.0",\n]' in text(project)
    project("drop", "zztop")
    assert "zztop" not in text(project)
    assert project("freeze").split() == ["zzbase==1.0", "zzother==1.0"]
    project("drop", "--group", "test", "zzother")
    assert "# this one" in text(project)
    before = text(project)
    assert "zznone is not among the dependencies" in project.result("drop", "zznone", status=1).stderr
    assert "./x has no name" in project.result("add", "./x", status=1).stderr
    project.result("add", "zzmissing", status=1)
    assert text(project) == before


def test_without_a_project_the_environment_is_named(wenv: Wenv) -> None:
    assert "`wenv install` and `wenv uninstall`" in wenv.result("add", "rich", status=2).stderr
    (wenv.folder / "pyproject.toml").write_text("[tool.other]\n")
    assert "has no table [project]" in wenv.result("add", "rich", status=1).stderr
    for text, words in (
        ('dependencies = "rich"', "project.dependencies is no list"),
        ('optional-dependencies = "rich"', "project.optional-dependencies is no table"),
        ('optional-dependencies = {a = "rich"}', "project.optional-dependencies.a is no list"),
    ):
        (wenv.folder / "pyproject.toml").write_text(f'[project]\nname = "mine"\nversion = "1"\n{text}\n')
        for command in ("add", "drop"):
            said = wenv.result(command, "rich", status=1).stderr
            assert words in said
            assert "Traceback" not in said


def test_sync_leaves_what_the_file_names(project: Wenv) -> None:
    made = project.result("sync")
    assert "Created" in made.stderr
    project("install", "zzother")
    project("sync")
    assert project("freeze") == "zzbase==1.0\n"
    (project.folder / "more.txt").write_text("zztop\n")
    project("sync", "-r", "more.txt")
    assert project("freeze").split() == ["zzbase==1.0", "zzmiddle==1.0", "zztop==1.0"]
    project("lock", "zzother<2", "-o", "pylock.toml")
    project("sync")
    assert project("freeze") == "zzother==1.0\n"
    (project.folder / "empty").mkdir()
    empty = Wenv(project.folder / "empty", project.environment)
    assert "there is nothing to read here" in empty.result("sync", status=2).stderr


def test_tree_and_why_say_for_whose_sake_a_package_is_there(project: Wenv) -> None:
    project("create", "zztop", "zzother<2")
    assert project("tree") == "zzother 1.0\nzztop 1.0\n    zzmiddle 1.0\n        zzbase 1.0\n"
    assert project("why", "ZZbase") == "zzbase 1.0 <- zzmiddle 1.0 <- zztop 1.0\n"
    assert project.json("why", "zzmiddle") == [["zztop", "zzmiddle"]]
    assert "zznone is not in the environment" in project.result("why", "zznone", status=1).stderr


def test_upgrade_takes_one_or_all(project: Wenv, wheels: Path) -> None:
    project("create", "zzother==1.0", "zzbase")
    project("install", "zzother")
    assert project("freeze").split() == ["zzbase==1.0", "zzother==1.0"]
    Wheel("zzbase", "1.5").write(wheels)
    assert project.json("outdated") == [
        {"name": "zzbase", "version": "1.0", "newest": "1.5"},
        {"name": "zzother", "version": "1.0", "newest": "2.0"},
    ]
    project("upgrade", "zzother")
    assert project("freeze").split() == ["zzbase==1.0", "zzother==2.0"]
    project("upgrade")
    assert project("freeze").split() == ["zzbase==1.5", "zzother==2.0"]
    assert "newest versions" in project.result("outdated").stderr
    assert "zznone is not in" in project.result("upgrade", "zznone", status=1).stderr


def test_a_package_is_not_taken_for_an_environment(project: Wenv) -> None:
    project("create", "zzbase")
    said = project.result("remove", "zzbase", status=1).stderr
    assert "zzbase is a package of" in said
    assert "`wenv uninstall zzbase`" in said
    assert "`wenv drop zzbase`" in said
    assert project("freeze") == "zzbase==1.0\n"
