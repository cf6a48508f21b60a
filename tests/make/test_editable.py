"""Editable projects: imported from their own folders, current as these change, and shared only where the user made them so."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from uuid import uuid4

import pytest

import wenv as api
from tests.conftest import Wenv
from wenv.errors import WenvError
from wenv.tui.actions.forms import adding_of
from wenv_resolver.editable import editable_of
from wenv_resolver.errors import BuildError

#: What a build backend needs to be told of a project with one package, which lies in ``src`` or beside pyproject.toml.
BACKENDS = {
    "setuptools": ("setuptools.build_meta", "setuptools>=77", ""),
    "hatchling": ("hatchling.build", "hatchling", ""),
    "flit": ("flit_core.buildapi", "flit_core>=3.11", ""),
    "pdm": ("pdm.backend", "pdm-backend", ""),
    "poetry": ("poetry.core.masonry.api", "poetry-core>=2", ""),
}
PROJECT = """\
[build-system]
requires = ["{requires}"]
build-backend = "{backend}"
[project]
name = "zzmine"
version = "1.5"
description = "{unique}"
[project.scripts]
zzmine = "zzmine.cli:main"
{more}
"""
#: A build that writes a module, as those do that write down the version.
GENERATING = """\
from setuptools import setup
from setuptools.command.build_py import build_py

class Build(build_py):
    def run(self):
        super().run()
        with open(self.build_lib + "/zzmine/_made.py", "w") as file:
            file.write("MADE = 'by the build'")

setup(cmdclass={"build_py": Build})
"""


def write_project(folder: Path, *, src: bool = True, backend: str = "setuptools") -> Path:
    """A project with the package zzmine, of which no build is known yet; returns the package's folder."""
    module, requires, more = BACKENDS[backend]
    package = folder / "src" / "zzmine" if src else folder / "zzmine"
    package.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT.format(requires=requires, backend=module, more=more, unique=uuid4()))
    (package / "__init__.py").write_text("VALUE = 'first'\n")
    (package / "data.txt").write_text("data")
    (package / "cli.py").write_text("import zzmine\n\ndef main():\n    print(zzmine.VALUE)\n")
    (package / "inner").mkdir()
    (package / "inner" / "__init__.py").write_text("")
    return package


@pytest.mark.parametrize("src", [True, False], ids=["src", "flat"])
@pytest.mark.parametrize(
    "backend",
    ["setuptools", *(pytest.param(name, marks=pytest.mark.long) for name in ("hatchling", "flit", "pdm", "poetry"))],
)
def test_changes_count_at_once_with_every_backend(wenv: Wenv, backend: str, src: bool) -> None:
    package = write_project(wenv.folder, src=src, backend=backend)
    before = {path for path in wenv.folder.rglob("*") if ".wenv" not in path.parts}
    assert "its build code runs on this machine" in wenv.result("create", "-e", ".").stderr
    assert {path for path in wenv.folder.rglob("*") if ".wenv" not in path.parts} == before  # nothing is written to it
    for value in ("second", "third"):
        (package / "__init__.py").write_text(f"VALUE = {value!r}\n")
        assert wenv("run", "zzmine") == f"{value}\n"
        if os.name != "nt":
            script = wenv.folder / ".wenv" / "bin" / "zzmine"
            elsewhere = subprocess.run([script], cwd="/", env=wenv.environment, capture_output=True, text=True, check=True)
            assert elsewhere.stdout == f"{value}\n"
    (package / "inner" / "fresh.py").write_text("X = 1")
    code = (
        "import importlib.metadata as m, importlib.resources as r, zzmine, zzmine.inner.fresh;"
        "print(m.version('zzmine'), [e.value for e in m.entry_points(name='zzmine')], zzmine.__file__,"
        " r.files('zzmine').joinpath('data.txt').read_text())"
    )
    assert wenv.python(code).strip() == f"1.5 ['zzmine.cli:main'] {package.resolve() / '__init__.py'} data"
    assert wenv("freeze").strip() == f"-e {wenv.folder.resolve()}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in wenv.environment.items():
            patch.setenv(name, value)
        with api.open(wenv.folder).session() as session:
            assert session.run("import zzmine; print(zzmine.VALUE)").stdout == "third\n"


def test_what_only_the_build_makes_is_there_too(wenv: Wenv) -> None:
    package = write_project(wenv.folder)
    (wenv.folder / "setup.py").write_text(GENERATING)
    wenv("create", "-e", ".")
    assert wenv.python("import zzmine, zzmine._made as made; print(made.MADE, zzmine.VALUE)") == "by the build first\n"
    assert not (package / "_made.py").exists()
    (package / "_made.py").write_text("MADE = 'here'")
    assert wenv.python("import zzmine._made as made; print(made.MADE)") == "here\n"


@pytest.mark.parametrize("src", [True, False], ids=["src", "flat"])
def test_a_projects_own_tests_run_inside(wenv: Wenv, src: bool) -> None:
    write_project(wenv.folder, src=src)
    with (wenv.folder / "pyproject.toml").open("a") as file:
        file.write('[project.optional-dependencies]\ntest = ["pytest"]\n')
    (wenv.folder / "tests").mkdir()
    (wenv.folder / "tests" / "test_it.py").write_text("import zzmine\n\ndef test_it():\n    assert zzmine.VALUE == 'first'\n")
    wenv("create", "-e", ".[test]")
    assert "1 passed" in wenv("run", "pytest", "-q", "-p", "no:cacheprovider")
    with zipfile.ZipFile(wenv.folder / "program.pyz", "w") as archive:
        archive.writestr("__main__.py", "import beside, zzmine; print(beside.X, zzmine.VALUE)")
        archive.writestr("beside.py", "X = 'in the archive'")
    assert wenv("run", "program.pyz") == "in the archive first\n"
    (wenv.folder / "script.py").write_text("import neighbour, zzmine; print(neighbour.X, zzmine.VALUE)")
    (wenv.folder / "neighbour.py").write_text("X = 'beside'")
    assert wenv("run", "script.py") == "beside first\n"


def test_files_name_only_what_lies_beside_them(wenv: Wenv) -> None:
    write_project(wenv.folder / "inside")
    outside = wenv.folder.parent / "outside"
    write_project(outside)
    pyproject = outside / "pyproject.toml"
    pyproject.write_text(
        pyproject.read_text().replace('"zzmine"\nversion', '"zzother"\nversion').replace("zzmine =", "zzother =")
    )
    shutil.move(outside / "src" / "zzmine", outside / "src" / "zzother")
    (wenv.folder / "requirements.txt").write_text(f"-e ./inside\n-e {outside}\n")
    said = wenv.result("create", "-r", "requirements.txt").stderr
    assert f"{outside} does not lie beside it, and is built as it is now" in said
    (wenv.folder / "inside" / "src" / "zzmine" / "__init__.py").write_text("VALUE = 'second'\n")
    (outside / "src" / "zzother" / "__init__.py").write_text("VALUE = 'second'\n")
    assert wenv.python("import zzmine, zzother; print(zzmine.VALUE, zzother.VALUE)") == "second first\n"
    assert "Errno" in wenv.python(f"try: open({str(pyproject)!r})\nexcept OSError as error: print(error)")
    shutil.copy(wenv.folder / ".wenv" / "pylock.toml", wenv.folder)
    wenv("create", "--clear", "-r", "pylock.toml")
    inside, built = (wenv.folder / "inside").resolve(), f"zzother @ {outside.resolve().as_uri()}/"
    assert wenv("freeze").splitlines() == [f"-e {inside}", built]
    (wenv.folder / "elsewhere").mkdir()
    shutil.move(wenv.folder / "pylock.toml", wenv.folder / "elsewhere")
    assert "does not lie beside it" in wenv.result("create", "--clear", "-r", "elsewhere/pylock.toml").stderr
    assert wenv("freeze").splitlines() == [f"zzmine @ {inside.as_uri()}/", built]


def test_what_cannot_be_editable_is_refused(wenv: Wenv, tmp_path: Path) -> None:
    for given in ("git+https://git.invalid/zz.git", "zzmine", "./missing"):
        said = wenv.result("create", "-e", given, status=1).stderr
        assert "not a project's folder here" in said
    write_project(wenv.folder)
    assert "--no-build" in wenv.result("create", "-e", ".", "--no-build", status=1).stderr
    wheel = tmp_path / "zznative-1-cp314-cp314-wasi.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("zznative/__init__.py", "")
        archive.writestr("zznative/fast.cpython-314-wasm32-wasi.so", b"\0asm")
    with pytest.raises(BuildError, match="has extension modules"):
        editable_of(wheel, "zznative", wenv.folder)


def test_the_folder_with_the_modules_is_found_among_copies_of_them(tmp_path: Path) -> None:
    wheel = tmp_path / "zz-1-py3-none-any.whl"
    names = ["zz/__init__.py", "zz/a.py", "zz/b.py", "zzsingle.py", "zzrenamed/__init__.py"]
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (*names, "zz-1.dist-info/METADATA"):
            archive.writestr(name, "")
    project = tmp_path / "project"
    for folder, held in (("lib/python", names[:4]), ("build/lib", names), ("old", names[:1]), ("docs", names[3:4])):
        for name in held:
            path = project / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
    found = editable_of(wheel, "zz", project)
    assert found.roots == ("docs", "lib/python")  # the module alone is found in the folder that is least deep
    assert found.built == ("zzrenamed",)
    assert found.left_out == frozenset(names[:4])


@pytest.fixture
def mine(wenv: Wenv) -> Wenv:
    """A folder with an environment that has the project in it editable."""
    write_project(wenv.folder)
    wenv("create", "-e", ".")
    return wenv


def test_an_editable_folder_of_another_place_is_not_shared(mine: Wenv) -> None:
    victim = mine.folder.parent / "victim"
    shutil.copytree(mine.folder / "src", victim / "src")
    clone = Wenv(mine.folder.parent / "clone", mine.environment)
    shutil.copytree(mine.folder, clone.folder)
    path = clone.folder / ".wenv" / "environment.json"
    manifest = json.loads(path.read_text())
    next(each for each in manifest["packages"] if each["name"] == "zzmine")["editable"]["folder"] = str(victim)
    for text in (path.read_text(), json.dumps(manifest)):
        path.write_text(text)
        for command in (
            ("run", "-c", "import zzmine"),
            ("run", "zzmine"),
            ("install", "--no-index"),
            ("copy", "zzcopied"),
            ("export", "-o", "out.wenv"),
            ("run", "--with", "zzmine", "-c", "1"),
        ):
            said = clone.result(*command, status=None)
            assert said.returncode
            assert f"`wenv create --clear -e {clone.folder.resolve()}` makes it again" in said.stderr, command
        assert "not made on this machine" in clone("info")
        if os.name != "nt":
            script = clone.folder / ".wenv" / "bin" / "python"
            ran = subprocess.run([script, "-c", "import zzmine"], env=clone.environment, capture_output=True, text=True)
            assert ran.returncode == 125
        with pytest.MonkeyPatch.context() as patch:
            for name, value in clone.environment.items():
                patch.setenv(name, value)
            with pytest.raises(WenvError, match="was not made on this machine"):
                api.open(clone.folder)
    clone("create", "--clear", "-e", ".")
    assert clone("run", "zzmine") == "first\n"


@pytest.mark.parametrize(
    "editable",
    [
        {"folder": "relative", "roots": [""]},
        {"folder": "/", "roots": ["../etc"]},
        {"folder": "/", "roots": ["/etc"]},
        {"folder": "/", "roots": ["a/../../b"]},
        {"folder": "/\n", "roots": []},
        {"folder": "/", "roots": "src"},
        {"folder": "/"},
        "here",
    ],
    ids=str,
)
def test_a_malformed_editable_is_a_damaged_manifest(mine: Wenv, editable: object) -> None:
    path = mine.folder / ".wenv" / "environment.json"
    manifest = json.loads(path.read_text())
    next(each for each in manifest["packages"] if each["name"] == "zzmine")["editable"] = editable
    path.write_text(json.dumps(manifest))
    assert "is damaged" in mine.result("run", "-c", "1", status=125).stderr


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_folder_that_was_replaced_by_a_link_is_not_shared(wenv: Wenv) -> None:
    write_project(wenv.folder / "inside")
    secret = wenv.folder.parent / "secret"
    shutil.copytree(wenv.folder / "inside", secret)
    wenv("create", "-e", "./inside")
    assert wenv("run", "zzmine") == "first\n"
    shutil.move(wenv.folder / "inside", wenv.folder / "away")
    assert "is not there any more" in wenv.result("run", "zzmine", status=125).stderr
    (wenv.folder / "inside").symlink_to(secret)
    assert "is a link now" in wenv.result("run", "zzmine", status=125).stderr
    script = wenv.folder / ".wenv" / "bin" / "zzmine"
    assert subprocess.run([script], env=wenv.environment, capture_output=True).returncode == 125
    wenv("uninstall", "zzmine")
    assert wenv.python("print(1)") == "1\n"


def test_a_run_may_write_to_the_project_only_where_it_was_allowed_to(wenv: Wenv) -> None:
    package = write_project(wenv.folder / "inside").resolve()
    wenv("create", "-e", "./inside")
    target = package / "written.txt"
    code = f"import zzmine; open({str(target)!r}, 'w').write(zzmine.VALUE)"
    for folder, options, may in (
        (wenv.folder, (), False), (package, (), False), (package / "inner", ("--write",), False),
        (wenv.folder, ("--write",), True), (package, ("--write",), True),
    ):  # fmt: skip
        said = Wenv(folder, wenv.environment).result("run", "--path", str(wenv.folder), *options, "-c", code, status=None)
        assert (said.returncode, target.exists()) == (int(not may), may), said.stderr
        target.unlink(missing_ok=True)


def test_what_others_are_given_has_the_projects_wheel(mine: Wenv) -> None:
    (mine.folder / "src" / "zzmine" / "__init__.py").write_text("VALUE = 'second'\n")
    said = mine.result("export", "-o", "out.wenv").stderr
    assert "the wheel that is built now is taken in" in said
    assert "its build code runs on this machine" in said
    other = Wenv(mine.folder.parent / "other", mine.environment)
    other.folder.mkdir()
    (mine.folder / "src" / "zzmine" / "__init__.py").write_text("VALUE = 'third'\n")
    other("import", str(mine.folder / "out.wenv"))
    assert other.python("import zzmine; print(zzmine.VALUE)") == "second\n"
    assert mine("run", "zzmine") == "third\n"  # and here it is as it was


def test_what_the_terminal_ui_is_told_of_a_folder(mine: Wenv) -> None:
    values: dict[str, str | bool] = {"file": "", "requirements": "six -e './my project[test]' 'rich<14'"}
    wanted = adding_of(values)
    assert (wanted.names, wanted.editables) == (("six", "rich<14"), ("./my project[test]",))
    assert next(each["kind"] for each in mine.json("info")["packages"] if each["name"] == "zzmine") == "editable"
