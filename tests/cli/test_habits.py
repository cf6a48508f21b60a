"""What users of other tools type: it does the thing, or answers with the line that does."""

import os
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel
from wenv.cli.words import ANSWERS, SAME
from wenv.runtimes import Runtime

TABLE = tomllib.loads(Path(__file__).with_name("habits.toml").read_text("utf-8"))["command"]


@pytest.fixture(scope="module")
def template(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project, its environment, and a few packages."""
    base = tmp_path_factory.mktemp("habits")
    folder, wheels = base / "project", base / "wheels"
    folder.mkdir()
    wheels.mkdir()
    for name, version in (("zzone", "1.0"), ("zzone", "2.0"), ("zztwo", "1.0")):
        Wheel(name, version).write(wheels)
    points = "[console_scripts]\nzztool = zztool:main\n"
    Wheel("zztool", files={"zztool.py": "def main():\n    print('tool ran')\n"}, entry_points=points).write(wheels)
    (folder / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"\ndependencies = ["zzone<2"]\n')
    (folder / "requirements.txt").write_text("zzone\nzztwo\n")
    (folder / "example.py").write_text("import sys; print('ran', *sys.argv[1:])\n")
    (folder / "settings.env").write_text("# settings\nexport ZZ='a b'\nYY=$x\n")
    (folder / "needs.py").write_text('# /// script\n# dependencies = ["zztwo"]\n# ///\nimport zztwo; print(zztwo.version)\n')
    variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "WENV_CACHE_DIR": str(runtime.store.root)}
    Wenv(folder, {**os.environ, **variables, "WENV_DATA_DIR": str(base / "data")})("create", "-r", "pyproject.toml")
    return base


@pytest.fixture
def typed(wenv: Wenv, template: Path, tmp_path: Path) -> Wenv:
    """The command line in a copy of that project, and no index."""
    shutil.copytree(template / "project", wenv.folder, dirs_exist_ok=True)
    wenv.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(template / "wheels"), "WENV_BIN_DIR": str(tmp_path / "bin")}
    return wenv


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry["typed"])
def test_habits_lead_somewhere(typed: Wenv, entry: dict[str, str]) -> None:
    words = entry["typed"].removeprefix("wenv ").split()
    if words[0] == "wenvx":
        words = ["tool", "run", *words[1:]]
    result = typed.result(*words, stdin=entry.get("stdin", ""), status=entry.get("status", 0))  # type: ignore[arg-type]
    said = result.stdout + result.stderr
    assert entry["says"] in said, said


def test_every_word_is_answered(wenv: Wenv) -> None:
    for word, answer in ANSWERS.items():
        result = wenv.result(word, "anything", status=2)
        assert f"there is no command `wenv {word}`" in result.stderr
        assert answer.split("`")[1] in result.stderr
    for word, command in SAME.items():
        assert wenv(word, "--help").replace(f"wenv {word}", f"wenv {command}").split() == wenv(command, "--help").split()
    assert "Did you mean 'create'" in wenv.result("creat", status=2).stderr
    assert wenv("help", "freeze") == wenv("freeze", "--help")
    assert wenv("-V") == wenv("--version")
