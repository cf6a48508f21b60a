"""What the tests of making environments have in common."""

from pathlib import Path

import pytest

from tests.helpers.wheel_builder import Wheel

OFFER = ("--no-index", "--find-links")


@pytest.fixture
def offer(wheels: Path) -> tuple[str, ...]:
    """Options that offer a few wheels: app needs lib, tool has a console script."""
    Wheel("app", files={"app/__init__.py": "import lib\n", "app/data.txt": "data"}, requires=["lib>=1"]).write(wheels)
    Wheel("lib", "1.0").write(wheels)
    Wheel("lib", "2.0").write(wheels)
    script = "import sys\ndef main():\n    print('tool', sys.argv)\n    return 3\n"
    Wheel("tool", files={"tool.py": script}, entry_points="[console_scripts]\nthe-tool = tool:main\n").write(wheels)
    return (*OFFER, str(wheels))
