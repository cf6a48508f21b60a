"""What several wheels come to in one environment: data files, ``.pth`` files, and files that two of them have."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel
from tests.pack.machine import machine, pack

LOOK = """
import os, sys, sysconfig
place = sysconfig.get_path("data")
assert place == sys.prefix
for path in ("share/zz/one.txt", "share/zz/two.txt", "share/zz/both.txt", "etc/zz.conf"):
    with open(os.path.join(place, path)) as file:
        print(file.read(), end=" ")
print(sorted(os.listdir(os.path.join(place, "share", "zz"))))
"""
SEEN = "one two of one conf ['both.txt', 'one.txt', 'two.txt']\n"


@pytest.fixture
def offered(wenv: Wenv, wheels: Path) -> Wenv:
    """Wheels that have something in common."""
    data, more = "zzone-1.0.data/data", "zztwo-1.0.data/data"
    Wheel(
        "zzone",
        files={
            "zzone.py": "", "tests/__init__.py": "", "tests/helper.py": "OF = 'one'", "LICENSE": "one",
            f"{data}/share/zz/one.txt": "one", f"{data}/share/zz/both.txt": "of one", f"{data}/etc/zz.conf": "conf",
            f"{data}/json/tool.py": "hostile", f"{data}/layers/x": "hostile", f"{data}/alone": "beside",
        },
    ).write(wheels)  # fmt: skip
    Wheel(
        "zztwo",
        files={
            "zztwo.py": "", "tests/__init__.py": "", "tests/helper.py": "OF = 'two'", "LICENSE": "two",
            f"{more}/share/zz/two.txt": "two", f"{more}/share/zz/both.txt": "of two",
        },
    ).write(wheels)  # fmt: skip
    Wheel(
        "zzpaths",
        files={
            "zzpaths/lib/zzinside.py": "VALUE = 'found'",
            "zzpaths/lib/six.py": "VALUE = 'hides nothing that a package has'",
            "zzpaths.pth": "# a comment\n\nzzpaths/lib\n../../../etc\n/etc\nmissing\n.\n",
            "zzstart.pth": "import os; os.environ['ZZ_STARTED'] = '1'\n",
            "zzold-nspkg.pth": "import sys, types\n",
        },
    ).write(wheels)
    Wheel("six", files={"six.py": "VALUE = 'of the package'"}).write(wheels)
    wenv.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    return wenv


def test_data_files_are_where_sysconfig_says(offered: Wenv) -> None:
    offered("create", "zzone", "zztwo")
    assert offered.python(LOOK) == SEEN
    assert offered.python("import json.tool, os; print(os.path.exists('/python/layers/x'), json.tool.__file__)").startswith(
        "False /python/json"
    )
    refused = "try: open('/python/share/zz/one.txt', 'w')\nexcept OSError as error: print(type(error).__name__)"
    assert "Error" in offered.python(refused)


@pytest.mark.long
@pytest.mark.skipif(find_spec("wasmtime_cli") is None, reason="no wheel of wasmtime's executable for this platform")
def test_data_and_paths_are_the_same_in_a_packed_file(offered: Wenv, tmp_path: Path) -> None:
    offered("create", "zzone", "zztwo", "zzpaths")
    run = machine(tmp_path, pack(offered))
    assert run("-c", LOOK) == SEEN
    assert run("-c", "import json.tool, zzinside; print(zzinside.VALUE, json.tool.__file__)").startswith("found /python/json")


def test_paths_in_a_wheel_are_searched_and_code_is_named(offered: Wenv) -> None:
    said = offered.result("create", "zzpaths", "six").stderr
    assert "warning: zzpaths: zzstart.pth is code for the start of every program, and is not run" in said
    assert "nspkg" not in said
    code = (
        "import os, sys, six, zzinside; print(zzinside.VALUE, six.VALUE, 'ZZ_STARTED' in os.environ,"
        " [path for path in sys.path if 'zz' in path or 'etc' in path])"
    )
    folder = "/python/layers/zzpaths-1.0/site-packages"
    assert offered.python(code) == f"found of the package False ['{folder}', '{folder}/zzpaths/lib']\n"
    assert "zzstart" not in offered.result("install", "zzone").stderr  # it was said already


def test_files_that_two_packages_have_are_named(offered: Wenv) -> None:
    said = offered.result("create", "zzone", "zztwo").stderr
    assert (
        "warning: zzone and zztwo have different files of one name (tests/helper.py and 2 more): those of zzone are used"
        in said
    )
    assert offered.python("import tests.helper; print(tests.helper.OF)") == "one\n"
