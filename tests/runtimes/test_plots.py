"""Pictures that programs show."""

import base64
import re
import struct
import sys
from pathlib import Path

import pytest

from tests.conftest import Wenv

PLOT = """
import matplotlib.pyplot as plt
plt.plot([1, 3, 2])
plt.figure(figsize=(2, 1))
plt.bar([1, 2], [3, 4])
plt.show()
plt.show()
print("after")
"""


def test_show_writes_pictures_where_the_host_says(lab: Wenv, tmp_path: Path) -> None:
    (lab.folder / "plot.py").write_text(PLOT)
    for number in (1, 3):
        result = lab.result("run", "plot.py")
        assert result.stdout == "after\n"
        paths = [Path(line.removeprefix("plot: ")) for line in result.stderr.splitlines() if line.startswith("plot: ")]
        assert [path.name for path in paths] == [f"plot-{n:03}.png" for n in (number, number + 1)]
        assert [struct.unpack(">2I", path.read_bytes()[16:24]) for path in paths] == [(640, 480), (200, 100)]
    lab("run", "--write", "-c", "import matplotlib.pyplot as plt; plt.plot([1]); plt.savefig('own.svg')")
    assert "<svg" in (lab.folder / "own.svg").read_text()


def pixels_of(sixels: str) -> list[list[tuple[int, int, int]]]:
    """The picture in a sequence of sixels, as rows of colours in percent."""
    size = re.match(r'"1;1;(\d+);(\d+)', sixels)
    assert size
    width, height = int(size[1]), int(size[2])
    palette: dict[int, tuple[int, int, int]] = {}
    picture = [[(0, 0, 0)] * width for _ in range(height)]
    x = top = colour = 0
    for match in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|(\$)|(-)", sixels[size.end() :]):
        number, red, green, blue, count, repeated, single, back, down = match.groups()
        if number and red:
            palette[int(number)] = (int(red), int(green), int(blue))
        elif number:
            colour = int(number)
        elif back:
            x = 0
        elif down:
            x, top = 0, top + 6
        else:
            end = x + int(count or 1)
            for row in (row for row in range(6) if (ord(repeated or single) - 63) >> row & 1):
                picture[top + row][x:end] = [palette[colour]] * (end - x)
            x = end
    return picture


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_show_draws_in_terminals_that_can(lab: Wenv) -> None:
    import pexpect

    code = (
        "import matplotlib.pyplot as plt; f = plt.figure(figsize=(1, 1)); f.patch.set_facecolor('#ff0000');"
        " f.text(0, 0, '\\u2588', color='#0000ff', size=40); plt.show()"
    )

    def shown(term: str) -> str:
        command = ["-P", "-m", "wenv", "run", "-c", code]
        environment = {**lab.environment, "TERM": term}
        environment.pop("TERM_PROGRAM", None)
        child = pexpect.spawn(sys.executable, command, cwd=str(lab.folder), env=environment, encoding="utf-8", timeout=60)
        child.expect(pexpect.EOF)
        return str(child.before)

    kitty = shown("xterm-kitty")
    data = "".join(re.findall(r"\x1b_G[^;]*;([^\x1b]*)\x1b\\", kitty))
    assert struct.unpack(">2I", base64.b64decode(data)[16:24]) == (100, 100)
    sixels = re.search(r"\x1bPq(.*?)\x1b\\", shown("foot"), re.DOTALL)
    assert sixels
    picture = pixels_of(re.sub(r"[\r\n]", "", sixels[1]))
    assert (picture[0][99], picture[95][8]) == ((100, 0, 0), (0, 0, 100))
    assert "\x1b_G" not in shown("xterm")
