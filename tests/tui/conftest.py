"""What the tests of the terminal UI have in common."""

from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel
from tests.share.test_registry import registry as registry  # noqa: PLC0414 - a fixture
from wenv.environment import find, manifest

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder of small wheels: `zzapp` needs `zzlib`; two have a module of the same name."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    Wheel("zzlib", "2.0", {"zzlib.py": "value = 2\n", "zzsame.py": "here = 'lib'\n"}).write(folder)
    app: dict[str, str | bytes] = {
        "zzapp/__init__.py": "import zzlib\n",
        "zzapp/data.bin": b"\0\1\2",
        "zzsame.py": "here = 'app'\n",
    }
    Wheel("zzapp", "1.0", app, requires=["zzlib"], entry_points="[console_scripts]\nzztool = zzlib:value\n").write(folder)
    Wheel("zzmore", "3.0", {"zzmore.py": ""}).write(folder)
    return folder


@pytest.fixture
def asked(wheels: Path, wenv: Wenv) -> Path:
    """A requirements file."""
    file = wenv.folder / "requirements.txt"
    file.write_text(f"--no-index\n--find-links {wheels}\nzzapp\n")
    return file


@pytest.fixture
def lab(wenv: Wenv, asked: Path) -> manifest.Environment:
    """A named environment."""
    wenv("create", "-n", "lab", "-r", str(asked))
    return find.find("lab")


def names(chosen: manifest.Environment) -> list[str]:
    """The packages of an environment."""
    return [package.name for package in chosen.packages]
