"""What a run is given of the host, and what not: folders, variables, links, streams."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime
from tests.run.test_run import is_scientific, script

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)


def test_the_host_is_not_seen(empty: Wenv, tmp_path: Path) -> None:
    empty.environment["SECRET"] = "s"
    (tmp_path / "outside.txt").write_text("x")
    code = f"""
import os
print('SECRET' in os.environ, os.environ['HOME'], [n for n in os.listdir('/tmp') if 'pytest' not in n])
for path in ('/etc/passwd', '/', '/wenv', {str(tmp_path / "outside.txt")!r}, '../outside.txt', {str(Path.home())!r}):
    try:
        print(path, os.stat(path) and open(path))
    except OSError as error:
        print('hidden')
"""
    assert empty.python(code) == "False /tmp []\n" + "hidden\n" * 6


def test_the_working_folder_is_read_only_unless_granted(empty: Wenv) -> None:
    (empty.folder / "data.txt").write_text("data")
    assert empty.python("print(open('data.txt').read())") == "data\n"
    for code in ("open('new.txt', 'w')", "import os; os.remove('data.txt')", "import os; os.rename('data.txt', 'x')"):
        error = empty.result("run", "-c", code, status=1).stderr
        assert error.splitlines()[-1] == f"wenv: {empty.folder} is read-only in this sandbox; --write allows writing to it"
    empty("run", "--write", "-c", "open('new.txt', 'w').write('written')")
    assert (empty.folder / "new.txt").read_text() == "written"
    assert (empty.folder / "data.txt").read_text() == "data"


def test_links_do_not_lead_out(empty: Wenv, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("x")
    (empty.folder / "link").symlink_to(tmp_path / "outside.txt")
    empty.python("open('link')", status=1)
    empty("run", "--write", "-c", f"import os; os.symlink({str(tmp_path)!r}, 'out')", status=1)
    empty("run", "--write", "-c", "import os; os.symlink('..', 'up'); open('up/outside.txt')", status=1)


def test_the_host_does_not_follow_what_the_guest_left(empty: Wenv) -> None:
    for leave in ("os.symlink('../../../../etc/hostname', p)", "open(p, 'w').write('9' * 10**6)", "os.mkdir(p)"):
        code = f"import os; p = '/wenv/private/exit-status'; {leave}"
        assert empty.result("run", "-c", code, status=None).returncode in (0, 1, 255)


def test_working_folders_that_are_the_sandboxs_own_or_a_whole_disk(empty: Wenv, tmp_path: Path) -> None:
    options = ("run", "--path", str(empty.folder / ".wenv"), "-c", "import os; print(os.getcwd())")
    assert Wenv(Path("/"), empty.environment)(*options) == "/tmp\n"
    assert Wenv(Path("/tmp"), empty.environment)(*options) == "/host/tmp\n"


def test_folders_above_what_is_shared_exist_and_are_empty(empty: Wenv) -> None:
    code = """
import os
from pathlib import Path
here = Path.cwd()
print(here.resolve(strict=True) == here, os.listdir(here.parent) == [here.name], 'etc' in os.listdir('/'))
os.makedirs('/tmp/a/b', exist_ok=True)
try:
    os.mkdir('/new')
except OSError:
    print('read-only')
"""
    assert empty.python(code) == "True True False\nread-only\n"


@pytest.mark.skipif(os.name == "nt", reason="closes POSIX descriptors")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_give_the_guest_nothing_of_the_hosts(empty: Wenv, closed: str) -> None:
    code = "import os, sys\ntry: data = os.read(0, 100)\nexcept OSError: data = b''\nsys.exit(len(data) + 10)"
    (empty.folder / "read.py").write_text(code)
    command = f"exec {sys.executable} -P -m wenv run read.py {closed} </dev/null"
    if "<&-" in closed:
        command = command.removesuffix(" </dev/null")
    assert subprocess.run(["sh", "-c", command], cwd=empty.folder, env=empty.environment, capture_output=True).returncode == 10


def test_a_script_beside_which_writing_is_allowed(empty: Wenv) -> None:
    name = script(empty, "open(__file__ + '.out', 'w').write('x')", "sub/writes.py")
    assert "--write allows" in empty.result("run", name, status=1).stderr
    empty("run", "--write", name)
    assert (empty.folder / "sub" / "writes.py.out").read_text() == "x"


def test_a_script_elsewhere_and_one_that_is_a_link(empty: Wenv, tmp_path: Path) -> None:
    other = tmp_path / "other folder"
    other.mkdir()
    (other / "helper.py").write_text("x = 'helped'")
    (other / "main.py").write_text("import helper, sys; print(helper.x, sys.path[0])")
    (empty.folder / "link.py").symlink_to(other / "main.py")
    for named in (str(other / "main.py"), "../other folder/main.py", "link.py", str(empty.folder / "link.py")):
        assert empty("run", named) == f"helped {other}\n"


def test_layers_cannot_be_changed(empty: Wenv, shared_cache: Path) -> None:
    error = empty.result("run", "--write", "-c", "open('/python/os.py', 'a')", status=1).stderr
    assert "own files cannot be changed" in error


def test_mounts_and_variables(empty: Wenv, tmp_path: Path) -> None:
    data = tmp_path / "shared"
    data.mkdir()
    (data / "in.txt").write_text("in")
    empty.environment["TOKEN"] = "t"
    code = "import os; print(open('/d/in.txt').read(), os.environ['A'], os.environ['TOKEN'])"
    options = ("--mount", f"{data}:/d", "--env", "A=1", "--env", "TOKEN")
    assert empty("run", *options, "-c", code) == "in 1 t\n"
    error = empty.result("run", *options, "-c", "open('/d/out.txt', 'w')", status=1).stderr
    assert "--mount FOLDER:/d:rw" in error
    empty("run", "--mount", f"{data}:/d:rw", "-c", "open('/d/out.txt', 'w').write('out')")
    assert (data / "out.txt").read_text() == "out"


def test_the_policy_of_an_environment_holds_for_its_runs(wenv: Wenv) -> None:
    wenv("create", "--write", "--env", "KEPT=1", "--memory", "64M")
    assert wenv.python("import os; open('x', 'w'); print(os.environ['KEPT'])") == "1\n"
    assert "MemoryError" in wenv.result("run", "-c", "bytearray(200 << 20)", status=116).stderr
    assert wenv.json("info")["policy"]["memory"] == 64 << 20


def test_tmp_vanishes_and_dev_null_is_there(empty: Wenv) -> None:
    assert (
        empty.python("import os; open('/tmp/x', 'w'); open(os.devnull, 'w').write('y'); print(os.path.exists('/tmp/x'))")
        == "True\n"
    )
    assert empty.python("import os; print(os.path.exists('/tmp/x'), open(os.devnull).read() == '')") == "False True\n"


def test_the_network_is_off_and_says_so(empty: Wenv) -> None:
    code = "import urllib.request; urllib.request.urlopen('http://localhost:1/')"
    assert empty.result("run", "-c", code, status=1).stderr.splitlines()[-1] == "wenv: the network is off in this sandbox"
    code = "import socket; s = socket.socket(); s.connect(('127.0.0.1', 1))"
    assert "network" in empty.result("run", "-c", code, status=1).stderr


def test_processes_say_what_is_missing(empty: Wenv) -> None:
    said = empty.result("run", "-c", "import subprocess; subprocess.run(['x'])", status=1).stderr
    assert "the sandbox has no programs but Python and the scripts of its packages: 'x'" in said
    if not is_scientific(empty):
        assert "ModuleNotFoundError" in empty.result("run", "-c", "import ctypes", status=1).stderr
    assert empty.python("import os; print(hasattr(os, 'dup'))") == "False\n"


@pytest.mark.skipif(os.name == "nt", reason="descriptors of POSIX")
def test_standard_input_that_cannot_be_read_is_not_a_limit(empty: Wenv) -> None:
    command = [sys.executable, "-P", "-m", "wenv", "run", "-c", "import sys; sys.stdin.read()"]
    with open(os.devnull, "w") as writable:  # noqa: PTH123
        shown = subprocess.run(command, cwd=empty.folder, env=empty.environment, stdin=writable, capture_output=True, text=True)
    assert (shown.returncode, "Bad file descriptor" in shown.stderr, "limit" in shown.stderr) == (1, True, False), shown.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="a file name that is not UTF-8")
def test_a_file_name_that_is_not_utf8_does_not_keep_modules_from_being_found(empty: Wenv) -> None:
    Path(os.fsdecode(os.fsencode(empty.folder) + b"/caf\xe9.txt")).touch()
    (empty.folder / "beside.py").write_text("value = 1")
    assert empty.python("import shutil, beside; print(beside.value)") == "1\n"
