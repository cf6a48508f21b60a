"""The commands on environments, and what they leave on the disk."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel, sha256
from tests.make.conftest import OFFER


def test_create_makes_what_virtualenv_users_expect(wenv: Wenv, offer: tuple[str, ...]) -> None:
    result = wenv.result("create", "app", "tool", *offer)
    assert result.stderr.startswith("Created .wenv with 3 packages on CPython 3.14 in ")
    assert result.stdout == ""
    folder = wenv.folder / ".wenv"
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "bin", "environment.json", "pylock.toml"]
    assert (folder / ".gitignore").read_text() == "*\n"
    assert sorted(path.name for path in (folder / "bin").iterdir()) == [
        "activate", "activate.fish", "activate.ps1", "pip", "python", "python3", "the-tool",
    ]  # fmt: skip
    assert wenv.python("import app, lib; print(lib.version)") == "2.0\n"


def test_scripts_run_in_the_sandbox_from_anywhere(wenv: Wenv, offer: tuple[str, ...], tmp_path: Path) -> None:
    wenv("create", "tool", *offer)
    program = wenv.folder / ".wenv" / "bin" / "the-tool"
    result = subprocess.run([program, "a b", "-c"], cwd=tmp_path, env=wenv.environment, capture_output=True, text=True)
    assert (result.stdout, result.returncode) == ("tool ['the-tool', 'a b', '-c']\n", 3)
    python = wenv.folder / ".wenv" / "bin" / "python"
    code = "import sys; print(sys.platform, sys.argv)"
    result = subprocess.run([python, "-c", code, "x"], cwd=tmp_path, env=wenv.environment, capture_output=True, text=True)
    assert result.stdout == "wasi ['-c', 'x']\n"
    moved = tmp_path / "moved place"
    wenv.folder.rename(moved)
    result = subprocess.run([moved / ".wenv/bin/python", "-c", code], env=wenv.environment, capture_output=True, text=True)
    assert result.stdout == "wasi ['-c']\n"


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_activate(wenv: Wenv, offer: tuple[str, ...], tmp_path: Path) -> None:
    wenv("create", "tool", *offer)
    lines = f"""
set -eu
. '{wenv.folder}/.wenv/bin/activate'
cd '{tmp_path}'
python -c 'import sys; print(sys.platform)'
the-tool || echo "status $?"
echo "$WENV_ENVIRONMENT"
deactivate
echo "${{WENV_ENVIRONMENT:-none}}"
case "$PATH" in *.wenv*) echo bad;; esac
"""
    result = subprocess.run(["sh", "-c", lines], env=wenv.environment, capture_output=True, text=True)
    assert result.stdout.splitlines() == ["wasi", "tool ['the-tool']", "status 3", f"{wenv.folder}/.wenv", "none"], (
        result.stderr
    )


def test_an_environment_is_not_replaced_by_accident(wenv: Wenv, offer: tuple[str, ...]) -> None:
    wenv("create", "lib", *offer)
    before = (wenv.folder / ".wenv" / "environment.json").read_bytes()
    assert "already holds an environment" in wenv.result("create", "app", *offer, status=1).stderr
    assert (wenv.folder / ".wenv" / "environment.json").read_bytes() == before
    wenv("create", "--clear", "app", *offer)
    assert wenv.python("import app") == ""


def test_install_keeps_versions_and_uninstall_takes_out_what_nobody_needs(wenv: Wenv, offer: tuple[str, ...]) -> None:
    wenv("create", "lib==1.0", *offer)
    changed = wenv.json("install", "app", "lib>=1")["changes"]
    assert changed == [{"name": "app", "before": None, "after": "1.0"}]
    assert wenv.python("import lib; print(lib.version)") == "1.0\n"
    changed = wenv.json("install", "--upgrade")["changes"]
    assert changed == [{"name": "lib", "before": "1.0", "after": "2.0"}]
    changed = wenv.json("uninstall", "app")["changes"]
    assert changed == [{"name": "app", "before": "1.0", "after": None}]
    wenv.python("import app", status=1)
    assert wenv.json("uninstall", "lib")["changes"] == [{"name": "lib", "before": "2.0", "after": None}]


def test_uninstall_explains_what_it_cannot_do(wenv: Wenv, offer: tuple[str, ...]) -> None:
    wenv("create", "app", *offer)
    assert "needed by app" in wenv.result("uninstall", "lib", status=1).stderr
    assert "nowhere is not in" in wenv.result("uninstall", "nowhere", status=1).stderr


def test_a_failed_change_changes_nothing(wenv: Wenv, offer: tuple[str, ...]) -> None:
    wenv("create", "lib==1.0", *offer)
    before = {path: path.read_bytes() for path in (wenv.folder / ".wenv").rglob("*") if path.is_file()}
    assert "no package of that name" in wenv.result("install", "nowhere", status=1).stderr
    assert "no version satisfies" in wenv.result("install", "lib>5", status=1).stderr
    assert {path: path.read_bytes() for path in (wenv.folder / ".wenv").rglob("*") if path.is_file()} == before
    assert wenv.python("import lib; print(lib.version)") == "1.0\n"


def test_creating_from_a_lock_needs_no_index(wenv: Wenv, offer: tuple[str, ...], wheels: Path) -> None:
    wenv("lock", "app", *offer, "-o", "pylock.toml")
    text = (wenv.folder / "pylock.toml").read_text()
    assert sha256(wheels / "lib-2.0-py3-none-any.whl") in text
    wenv("create", "-n", "first", "-r", "pylock.toml")
    shutil.rmtree(wheels)
    wenv("create", "-n", "second", "-r", "pylock.toml")
    assert wenv("run", "-n", "second", "-c", "import lib; print(lib.version)") == "2.0\n"
    first, second = wenv.json("info", "-n", "first"), wenv.json("info", "-n", "second")
    assert first["snapshot"] == second["snapshot"]
    assert wenv("lock", "-n", "second") == text
    assert "nothing can be given beside a lock" in wenv.result("create", "-r", "pylock.toml", "lib", status=2).stderr


def test_lock_keeps_the_versions_of_its_output(wenv: Wenv, offer: tuple[str, ...]) -> None:
    wenv("lock", "lib==1.0", *offer, "-o", "pylock.toml")
    wenv("lock", "lib", *offer, "-o", "pylock.toml")
    assert 'version = "1.0"' in (wenv.folder / "pylock.toml").read_text()
    wenv("lock", "--upgrade", "lib", *offer, "-o", "pylock.toml")
    assert 'version = "2.0"' in (wenv.folder / "pylock.toml").read_text()
    assert "no name for a lock" in wenv.result("lock", "lib", *offer, "-o", "my.lock", status=2).stderr


def test_list_info_and_remove(wenv: Wenv, offer: tuple[str, ...]) -> None:
    wenv("create", "-n", "lab", "app", *offer)
    wenv("create", "lib", *offer)
    (wenv.folder / ".wenv" / "mine.txt").write_text("not wenv's")
    listed = {item["name"]: item for item in wenv.json("list")}
    assert {name: item["packages"] for name, item in listed.items()} == {"lab": 2, None: 1}
    assert all(item["state"] == "fine" for item in listed.values())
    packages = {package["name"]: package for package in wenv.json("info", "-n", "lab")["packages"]}
    assert packages["lib"]["needed_by"] == ["app"]
    assert packages["app"]["requested"]
    assert not packages["lib"]["requested"]
    assert "lab" in wenv("list")
    assert "Needed by" in wenv("info", "-n", "lab")
    wenv("remove", "lab")
    wenv("remove")
    assert wenv.json("list") == []
    assert [path.name for path in (wenv.folder / ".wenv").iterdir()] == ["mine.txt"]
    assert "no environment" in wenv.result("remove", status=1).stderr
    assert "no environment called 'lab'" in wenv.result("info", "-n", "lab", status=1).stderr


def test_remove_does_not_reach_upwards(empty: Wenv) -> None:
    inner = empty.folder / "inner"
    inner.mkdir()
    Wenv(inner, empty.environment)("remove", status=1)
    assert empty.json("list")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "x" * 65, "a b"])
def test_names_that_are_no_names(wenv: Wenv, name: str) -> None:
    assert "a name has letters" in wenv.result("create", "-n", name, status=1).stderr


def test_packages_that_share_a_folder(wenv: Wenv, wheels: Path) -> None:
    Wheel("ns_one", files={"space/one.py": "x = 1"}).write(wheels)
    Wheel("ns_two", files={"space/two.py": "x = 2"}).write(wheels)
    Wheel("regular", files={"whole/__init__.py": "", "whole/inner/__init__.py": ""}).write(wheels)
    Wheel("plugin", files={"whole/inner/plugin.py": "x = 3", "whole/added.py": "x = 4"}).write(wheels)
    wenv("create", "ns-one", "ns-two", "regular", "plugin", *OFFER, str(wheels))
    code = (
        "import space.one, space.two, whole.inner.plugin, whole.added; print(space.two.x, whole.inner.plugin.x, whole.added.x)"
    )
    assert wenv.python(code) == "2 3 4\n"


def test_what_an_interpreter_is_built_beside_is_neither_run_nor_imported(wenv: Wenv, tmp_path: Path) -> None:
    # a fresh store, so that the component is built while these are in sight of componentize-py
    wenv.environment["WENV_CACHE_DIR"] = str(tmp_path / "cache")
    for name in ("componentize_py", "json", "typing"):
        (wenv.folder / f"{name}.py").write_text("import pathlib; pathlib.Path('ran-on-the-host').touch()\n")
    wenv("create")
    assert not (wenv.folder / "ran-on-the-host").exists()
    for name in ("componentize_py", "json", "typing"):
        (wenv.folder / f"{name}.py").unlink()
    names = ["typer", "rich", "pip", "wasmtime", "wenv", "cache", "resolver", "pytest"]
    assert all(__import__(name) for name in names)
    code = f"import importlib.util; print([n for n in {names} if importlib.util.find_spec(n)])"
    assert wenv.python(code) == "[]\n"


def test_standard_library_behaves_over_archives(empty: Wenv) -> None:
    code = """
import importlib, importlib.resources, inspect, json, pkgutil, sys, json.decoder
print(json.__file__, json.__spec__.origin, json.__spec__.submodule_search_locations)
print(inspect.getsource(json.dumps).splitlines()[0])
print('decoder' in [m.name for m in pkgutil.iter_modules(json.__path__)], any(m.name == 'json' for m in pkgutil.iter_modules()))
print(importlib.reload(json) is json, importlib.util.find_spec('nowhere'), importlib.util.find_spec('json.nowhere'))
print(importlib.resources.files('json').joinpath('__init__.py').is_file())
"""
    lines = empty.python(code).splitlines()
    assert lines[0] == "/python/json/__init__.py /python/json/__init__.py ['/python/json']"
    assert lines[1].startswith("def dumps(obj, *, skipkeys=False")
    assert lines[2:] == ["True True", "True None None", "True"]


def test_a_policy_counts_only_if_it_was_given_here(wenv: Wenv, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    wenv("create", "--mount", f"{secret}:/s")
    assert wenv.python("import os; print(os.listdir('/s'))") == "[]\n"
    path = wenv.folder / ".wenv" / "environment.json"
    manifest = json.loads(path.read_bytes())
    manifest["policy"]["mounts"][0]["writable"] = True
    path.write_text(json.dumps(manifest))
    result = wenv.result("run", "-c", "open('/s/x', 'w')", status=1)
    assert "ignored: the policy" in result.stderr
    assert not (secret / "x").exists()
    cloned = tmp_path / "cloned"
    shutil.copytree(wenv.folder, cloned)
    assert "ignored: the policy" in Wenv(cloned, wenv.environment).result("run", "-c", "pass").stderr


def test_a_console_script_is_not_hidden_by_a_folder(wenv: Wenv, offer: tuple[str, ...]) -> None:
    wenv("create", "tool", *offer)
    (wenv.folder / "the-tool").mkdir()
    assert wenv("run", "the-tool", status=3).startswith("tool")


def test_a_source_that_the_compiler_cannot_take_fails_alone(wenv: Wenv, wheels: Path) -> None:
    deep = "x = " + "+".join(["y"] * 20_000) + "\n"
    Wheel("deep", files={"deep/__init__.py": "", "deep/fine.py": "x = 1\n", "deep/much.py": deep}).write(wheels)
    wenv("create", "deep", *OFFER, str(wheels))
    assert wenv.python("import deep.fine; print(deep.fine.x)") == "1\n"
    wenv("run", "-c", "import deep.much", status=None)


def test_metadata_and_data_of_packages(wenv: Wenv, offer: tuple[str, ...]) -> None:
    wenv("create", "app", *offer)
    code = """
import importlib.metadata as metadata, importlib.resources as resources, app, os
print(metadata.version('app'), sorted(d.name for d in metadata.distributions()))
print(resources.files('app').joinpath('data.txt').read_text(), open(app.__file__.replace('__init__.py', 'data.txt')).read())
print(any(str(f) == 'app/data.txt' for f in metadata.files('app')))
"""
    assert wenv.python(code).splitlines() == ["1.0 ['app', 'lib']", "data data", "True"]


def test_help_and_completion(wenv: Wenv) -> None:
    for command in ("create", "run", "shell", "list", "info", "remove", "install", "uninstall", "lock"):
        assert "Usage: wenv" in wenv(command, "--help")
    wenv.environment["NO_COLOR"] = "1"
    assert "\x1b" not in wenv("--help")
    assert wenv("--version").startswith("wenv ")
    wenv.environment |= {"_WENV_COMPLETE": "complete_bash", "COMP_WORDS": "wenv cre", "COMP_CWORD": "1"}
    assert wenv().split() == ["create"]


def test_a_run_imports_little(empty: Wenv) -> None:
    command = [sys.executable, "-P", "-X", "importtime", "-m", "wenv", "run", "-c", "pass"]
    report = subprocess.run(command, cwd=empty.folder, env=empty.environment, capture_output=True, text=True, check=True).stderr
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in report.splitlines() if line.startswith("import time")
    }
    assert (
        imported & {"pip", "piptools", "installer", "textual", "componentize_py", "prompt_toolkit", "pygments", "requests"}
        == set()
    )


# -- copies, other names, and what cannot be read


def test_a_word_that_probably_names_an_environment_installs_nothing(wenv: Wenv) -> None:
    for word in ("myenv", "venv", "lab", "Dev"):
        refused = wenv.result("create", word, status=2)
        assert f"`wenv create -n {word}` makes an environment of that name" in refused.stderr
    assert not (wenv.folder / ".wenv").exists()
    refused = wenv.result("create", "--no-index", "python-dotenv", status=1)
    assert "is probably meant" not in refused.stderr, "a package that many use"


def test_a_bare_create_says_what_it_could_have_read(wenv: Wenv) -> None:
    (wenv.folder / "pyproject.toml").write_text("[project]\nname='x'\nversion='1'\n")
    assert "`wenv install -r pyproject.toml` adds what it names" in wenv.result("create").stderr
