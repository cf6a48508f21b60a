"""Sources of every kind: what they need is known, or asked of their build; folders, repositories and archives are built."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.source_builder import SETUPTOOLS, Source
from tests.helpers.wheel_builder import Wheel

SETUP = (
    "from setuptools import setup\nsetup(name={name!r}, version='1.0', py_modules=[{name!r}], install_requires=['zzneeded'])\n"
)
SECTIONS = "[:os_name=='nt']\nx\n[:os_name=='posix']\nzzneeded\n"
PROJECT = SETUPTOOLS + "[project]\nname='zzproject'\nversion='1.0'\ndependencies=['zzneeded']\n"
ASKING = "Asking the build of"


def offline(folder: Path) -> tuple[str, ...]:
    return ("--find-links", str(folder))


def source(name: str, information: str | None = "Metadata-Version: 1.1\n", **files: str) -> Source:
    """A project whose setup.py says that it needs zzneeded."""
    given = {path.replace("__", "/").replace("_dot_", "."): text for path, text in files.items()}
    return Source(name, {"setup.py": SETUP.format(name=name), f"{name}.py": "import zzneeded\n", **given}, "1.0", information)


@pytest.mark.parametrize(
    ("name", "information", "files", "asks"),
    [
        # as setuptools before 68 wrote it: what is needed stands in requires.txt
        ("zzegg", "Metadata-Version: 1.1\n", {"zzegg.egg-info/requires.txt": "zzneeded\n"}, False),
        ("zzsections", "Metadata-Version: 1.1\n", {"src/z.egg-info/requires.txt": SECTIONS}, False),
        # metadata that say that they do not say it
        ("zzdynamic", "Metadata-Version: 2.2\nDynamic: Requires-Dist\n", {}, True),
        ("zzstatic", "Metadata-Version: 2.2\nRequires-Dist: zzneeded\n", {}, False),
        ("zzold", "Metadata-Version: 1.1\n", {}, True),
        ("zzbare", None, {}, True),
        ("zzproject", None, {"pyproject.toml": PROJECT}, False),
    ],
)  # fmt: skip
def test_what_a_source_needs_is_found_out(
    wenv: Wenv, wheels: Path, name: str, information: str | None, files: dict[str, str], asks: bool
) -> None:
    Wheel("zzneeded").write(wheels)
    made = source(name, information)
    Source(name, {**made.files, **files}, "1.0", information).write(wheels)
    result = wenv.result("lock", *offline(wheels), name, "-o", "pylock.toml")
    assert (ASKING in result.stderr) == asks
    assert 'name = "zzneeded"' in (wenv.folder / "pylock.toml").read_text("utf-8")
    result = wenv.result("lock", *offline(wheels), name, "-o", "pylock.toml")
    assert ASKING not in result.stderr, "the answer is kept"


def test_nothing_is_asked_where_building_is_not_allowed(wenv: Wenv, wheels: Path) -> None:
    source("zzforbidden").write(wheels)
    (wenv.folder / "wheels-only.txt").write_text("--only-binary :all:\nzzforbidden\n")
    for words in (("--no-build", "zzforbidden"), ("-r", "wheels-only.txt")):
        result = wenv.result("check", *offline(wheels), *words, status=1)
        assert ASKING not in result.stderr
        assert "unknown until it is built" in " ".join(result.stdout.split())


def test_a_wheel_that_needs_more_than_its_source_said_is_resolved_again(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzneeded", files={"zzneeded.py": ""}).write(wheels)
    Source("zzliar", {**source("zzliar").files, "zzliar.egg-info/PKG-INFO": ""}, "1.0", "Metadata-Version: 1.1\n").write(wheels)
    result = wenv.result("create", *offline(wheels), "zzliar")
    assert "zzliar needs zzneeded, which shows only now that it is built: resolving again" in result.stderr
    assert wenv.python("import zzliar; print('fine')") == "fine\n"


def project(folder: Path, name: str) -> Path:
    """A project in src layout, with an extra and a script."""
    package = folder / "src" / name
    package.mkdir(parents=True)
    # no other run of the tests has built the very same
    (package / "__init__.py").write_text(f"# {folder}\ndef main() -> None:\n    print('it works')\n")
    (folder / "pyproject.toml").write_text(
        SETUPTOOLS
        + f"[project]\nname='{name}'\nversion='1.0'\ndependencies=['zzneeded']\n[project.scripts]\n{name}-it='{name}:main'\n"
        + "[project.optional-dependencies]\ntest=['zzextra']\n"
    )
    return folder


def test_a_projects_folder_is_built_and_its_changes_are_taken_in(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzneeded").write(wheels)
    Wheel("zzextra").write(wheels)
    folder = project(wenv.folder / "here", "zzhere")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "pyvenv.cfg").write_text("")
    made = wenv.result("create", *offline(wheels), "./here[test]")
    assert "Building zzhere 1.0 from its source" in made.stderr
    assert {p["name"] for p in wenv.json("info")["packages"]} == {"zzhere", "zzneeded", "zzextra"}
    assert wenv("run", "zzhere-it") == "it works\n"
    assert "Building" not in wenv.result("create", "--path", "again", "-r", ".wenv/pylock.toml").stderr, "nothing has changed"
    (folder / "src" / "zzhere" / "__init__.py").write_text("def main() -> None:\n    print('changed')\n")
    wenv("install")
    assert wenv("run", "zzhere-it") == "changed\n"
    error = wenv.result("install", "-r", "nothing.txt", status=1).stderr
    assert "is not a file" in error
    (wenv.folder / "editable.txt").write_text("-e ./here\n")
    wenv("install", "-r", "editable.txt")
    (folder / "src" / "zzhere" / "__init__.py").write_text("def main() -> None:\n    print('at once')\n")
    assert wenv("run", "zzhere-it") == "at once\n"


def test_a_repository_is_built_at_the_commit_that_was_meant(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzneeded").write(wheels)
    repository = project(wenv.folder / "repository" / "below", "zzgit").parent
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "init.defaultBranch=main"]
    with (repository / "below" / "pyproject.toml").open("a") as file:
        file.write("[tool.uv.sources]\nzzneeded = { path = '../needed' }\n")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"], ["tag", "v1"]):
        subprocess.run([*git, *words], check=True)
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {wenv.folder / 'hooked'}\n")
    hook.chmod(0o755)
    module = repository / "below" / "src" / "zzgit" / "__init__.py"
    module.write_text("def main() -> None:\n    print('two')\n")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "two"], check=True)
    address = f"git+file://{repository}@v1#subdirectory=below"
    said = wenv.result("create", *offline(wheels), address).stderr
    assert said.count("[tool.uv.sources] of zzgit is not read") == 1
    assert wenv("run", "zzgit-it") == "it works\n"
    lock = (wenv.folder / ".wenv" / "pylock.toml").read_text("utf-8")
    commit = subprocess.run([*git, "rev-parse", "v1"], check=True, capture_output=True, text=True).stdout.strip()
    assert f'commit-id = "{commit}"' in lock
    wenv("create", "--path", "locked", "-r", ".wenv/pylock.toml")
    assert wenv("run", "--path", "locked", "zzgit-it") == "it works\n"
    assert not (wenv.folder / "hooked").exists()
    error = wenv.result("create", "--path", "no", *offline(wheels), address.replace("@v1", "@v9"), status=1).stderr
    assert "has no revision 'v9'" in error
    for hostile in ("git+ext::sh -c touch%20hooked", "git+file:///x@--upload-pack=touch"):
        assert wenv.result("create", "--path", "no", f"x @ {hostile}", status=1).stderr.startswith("error:")
    assert not (wenv.folder / "hooked").exists()


def test_an_archive_with_a_project_in_it_is_built(wenv: Wenv, wheels: Path) -> None:
    Wheel("zzneeded").write(wheels)
    archive = wenv.folder / "main.zip"
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("mono-main/sub/setup.py", SETUP.format(name="zzsub"))
        written.writestr("mono-main/sub/zzsub.py", "value = 1\n")
    wenv("create", *offline(wheels), f"file://{archive}#subdirectory=sub")
    assert wenv.python("import zzsub; print(zzsub.value)") == "1\n"
    lock = (wenv.folder / ".wenv" / "pylock.toml").read_text("utf-8")
    assert "[packages.archive]" in lock
    wenv("create", "--path", "locked", "-r", ".wenv/pylock.toml")
    assert wenv.python("import zzsub; print(zzsub.value)", options=("--path", "locked")) == "1\n"
    error = wenv.result("create", "--path", "no", *offline(wheels), f"file://{archive}#subdirectory=../..", status=1).stderr
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "project",
    [
        "name = 5\nversion = '1.0'",
        "name = 'zzodd'\nversion = '1.0'\ndependencies = 'abc'",
        "name = 'zzodd'\nversion = '1.0'\noptional-dependencies = ['x']",
        "name = 'zzodd'\nversion = '1.0\\nRequires-Dist: zzsmuggled'",
    ],
)
def test_projects_that_are_not_as_the_standard_says_are_refused_in_words(wenv: Wenv, wheels: Path, project: str) -> None:
    files = {"pyproject.toml": SETUPTOOLS + "[project]\n" + project + "\n", "zzodd.py": ""}
    Source("zzodd", files, "1.0", None).write(wheels)
    refused = wenv.result("create", *offline(wheels), "zzodd", status=1)
    assert "zzodd" in refused.stderr
    assert "Traceback (most recent call last)" not in refused.stderr.partition("invalid")[0]
    assert not (wenv.folder / ".wenv").exists()


def test_what_cannot_be_built_is_not_tried(wenv: Wenv) -> None:
    found = wenv.result("check", "--json", "greenlet==3.0.1", "psycopg2-binary==2.9.9", status=1)
    evidence = {each["name"]: (each["kind"], each["evidence"]) for each in json.loads(found.stdout)}
    assert evidence["greenlet"][0] == evidence["psycopg2-binary"][0] == "none"
    assert "which switches stacks in assembly" in evidence["greenlet"][1]
    assert "which needs libpq, a C library that it does not bring" in evidence["psycopg2-binary"][1]
    assert "Building" not in wenv.result("create", "greenlet==3.0.1", status=1).stderr
