"""Tools: commands of packages in environments of their own, run once or installed."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel

CODE = """
import sys
def main():
    print("zztool", {version!r}, sys.argv[1:])
def other():
    open("made", "w")
"""
ENTRY_POINTS = "[console_scripts]\nzztool = zztool:main\nzzother = zztool:other\n"


@pytest.fixture
def tools(wenv: Wenv, wheels: Path, tmp_path: Path) -> Wenv:
    """The command line, with a package that brings two commands in three versions, one that has none, and no index."""
    for version in ("1.0", "2.0", "3.0"):
        Wheel("zztool", version, {"zztool.py": CODE.format(version=version)}, entry_points=ENTRY_POINTS).write(wheels)
    Wheel("zzplain").write(wheels)
    Wheel("zzusing", requires=["zztool"]).write(wheels)
    wenv.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "WENV_BIN_DIR": str(tmp_path / "bin")}
    return wenv


def test_a_tool_runs_in_an_environment_that_is_kept(tools: Wenv) -> None:
    first = tools.result("tool", "run", "zztool@2.0", "-x", "--write")
    assert first.stdout == "zztool 2.0 ['-x', '--write']\n"
    assert "Made an environment for zztool (tool), which is kept: 1 package" in first.stderr
    again = tools.result("tool", "run", "zztool==2.0")
    assert (again.stdout, again.stderr) == ("zztool 2.0 []\n", "")
    assert tools("tool", "run", "zztool") == "zztool 3.0 []\n"
    assert tools("tool", "run", "--from", "zztool<2", "zztool") == "zztool 1.0 []\n"
    assert tools("tool", "run", "--with", "zzplain", "zztool") == "zztool 3.0 []\n"
    labels = [each["label"] for each in tools.json("list")]
    assert [label[:-9] for label in labels] == ["zztool (tool)"] * 4
    assert len(set(labels)) == 4, "each with the digest that names it"
    assert not (tools.folder / ".wenv").exists()


def test_what_a_tool_may_do_is_said(tools: Wenv) -> None:
    refused = tools.result("tool", "run", "--from", "zztool", "zzother", status=1)
    assert "--write before the tool's name lets it write" in refused.stderr
    assert not (tools.folder / "made").exists()
    allowed = tools.result("tool", "run", "--write", "--from", "zztool", "zzother")
    assert "--write before" not in allowed.stderr
    assert (tools.folder / "made").exists()


def test_commands_that_are_not_there_are_named(tools: Wenv) -> None:
    missing = tools.result("tool", "run", "--from", "zztool", "zznone", status=125)
    assert "no package of the tool brings a command called zznone" in missing.stderr
    assert "`--from PACKAGE zzother`, `--from PACKAGE zztool`" in missing.stderr
    assert "it brings no commands at all" in tools.result("tool", "run", "zzplain", status=125).stderr
    for word in ("./x", "zztool@--", "zztool@no-version"):
        said = tools.result("tool", "run", word, status=125).stderr
        assert f"{word} is no package" in said
        assert "Traceback" not in said


@pytest.mark.skipif(os.name == "nt", reason="commands are files of another kind there")
def test_installed_tools_are_commands(tools: Wenv, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    made = tools.result("tool", "install", "zztool<3")
    assert f"Installed zztool 2.0: zzother, zztool\n{folder} is not on PATH" in made.stderr
    ran = subprocess.run([str(folder / "zztool"), "a b"], env=tools.environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "zztool 2.0 ['a b']\n"
    assert tools("tool", "run", "zztool") == "zztool 2.0 []\n", "the one that is installed"
    assert tools("tool", "run", "zztool@latest") == "zztool 3.0 []\n"
    assert "zztool is installed" in tools.result("tool", "install", "zztool", status=1).stderr
    tools("tool", "install", "--force", "zztool")
    assert tools("tool", "run", "zztool") == "zztool 3.0 []\n"
    tools("tool", "install", "--force", "zztool<2")
    assert "zztool 1.0 is the newest" in tools.result("tool", "upgrade", "--all").stderr
    assert json.loads(tools("tool", "list", "--json")) == [
        {
            "name": "zztool",
            "version": "1.0",
            "scripts": ["zzother", "zztool"],
            "commands": ["zzother", "zztool"],
            "folder": f"{tools.environment['WENV_DATA_DIR']}/tools/zztool",
        }
    ]
    assert tools("tool", "dir", "--bin") == f"{folder}\n"
    assert "Uninstalled zztool: zzother, zztool" in tools.result("tool", "uninstall", "zztool").stderr
    assert list(folder.iterdir()) == []
    assert tools.json("list")[0]["label"].startswith("zztool (tool) "), "of `tool run`, kept"
    assert "zztool is not installed" in tools.result("tool", "uninstall", "zztool", status=1).stderr


@pytest.mark.skipif(os.name == "nt", reason="commands are files of another kind there")
def test_somebody_elses_commands_stay(tools: Wenv, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "zzother").write_text("mine")
    refused = tools.result("tool", "install", "zztool", status=1)
    assert "zzother is there and was not made by this tool" in refused.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["zzother"]
    assert tools.json("tool", "list") == []
    tools("tool", "install", "--force", "zztool")
    assert (folder / "zzother").is_symlink()
    assert "zzusing brings no commands" in tools.result("tool", "install", "zzusing", status=1).stderr
    assert "zzplain brings no commands" in tools.result("tool", "install", "zzplain", status=1).stderr
    assert [each["name"] for each in tools.json("tool", "list")] == ["zztool"]
