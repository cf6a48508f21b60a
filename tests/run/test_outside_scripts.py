"""Scripts behind an address or on standard input: shown, asked for, and given nothing of the user's."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.wheel_builder import Wheel
from tests.run.test_scripts import script

PAGES: dict[str, bytes] = {}


class Pages(http.server.BaseHTTPRequestHandler):
    """Serves `PAGES`; one that begins with an arrow leads on to another."""

    def do_GET(self) -> None:
        body = PAGES.get(self.path)
        self.send_response(404 if body is None else 302 if body.startswith(b"-> ") else 200)
        if body is not None and body.startswith(b"-> "):
            self.send_header("Location", body[3:].decode())
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    PAGES.clear()


@pytest.fixture
def offline(wenv: Wenv, wheels: Path) -> Wenv:
    Wheel("zzone", "1.0", {"zzone.py": "version = 1\n"}).write(wheels)
    wenv.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    return wenv


LOOKS = """
import os, sys, zzone
print(zzone.version, os.path.basename(__file__), sys.argv[1:], os.getcwd(), sorted(os.listdir("/tmp")))
try:
    print(open(sys.argv[1]).read())
except OSError as error:
    print(type(error).__name__)
"""


def test_an_address_is_shown_and_run_without_the_users_folders(offline: Wenv, address: str) -> None:
    secret, temporary = offline.folder / "secret.txt", offline.folder.parent / "temporary"
    secret.write_text("secret")
    temporary.mkdir()
    offline.environment["TMPDIR"] = str(temporary)
    more = '[tool.wenv]\nwrite = true\n[tool.uv]\nextra-index-url = ["https://index.example/simple"]\n'
    PAGES["/dir/job.py?raw=1"] = script(offline.folder, ["zzone"], LOOKS, more).read_bytes()
    PAGES["/short"] = b"-> /dir/job.py?raw=1"
    refused = offline.result("run", f"{address}/short", status=125)
    assert "--yes runs it" in refused.stderr
    assert f"{address}/dir/job.py?raw=1" in refused.stderr
    for words in ("packages: zzone", "package indexes: https://index.example/simple", "write True (granted by options"):
        assert words in refused.stderr
    PAGES["/dir/job.py?raw=1"] = script(offline.folder, ["zzone"], LOOKS).read_bytes()
    ran = offline("run", "--yes", f"{address}/short", str(secret), "-v")
    assert ran == f"1 job.py {[str(secret), '-v']} /tmp ['job.py']\nFileNotFoundError\n"
    assert offline("run", "--yes", "--mount", str(offline.folder), f"{address}/short", str(secret)).endswith("\nsecret\n")
    assert "--mount FOLDER:rw" in offline.result("run", "--yes", "--write", f"{address}/short", status=125).stderr
    assert not list(temporary.glob("wenv-script-*"))


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"-> http://example.invalid/job.py", "only https addresses are read"),
        (b"-> file:///etc/passwd", "only https addresses are read"),
        (b"-> /job.py", "more than 10 redirects"),
        (b"#" * (1 << 20) + b"##", "is larger than 1048576 bytes"),
        (b"# /// script\n# dependencies = [\n# ///\n", "its script metadata"),
        (
            b'# /// script\n# dependencies = ["zzone @ file:///etc/zzone-1.0-py3-none-any.whl"]\n# ///\n',
            "names packages and https",
        ),
        (b'# /// script\n# dependencies = ["zzone @ git+file:///etc"]\n# ///\n', "names packages and https"),
        (
            b'# /// script\n# dependencies = ["zzone"]\n# [tool.uv.sources]\n# zzone = {path = "/etc"}\n# ///\n',
            "names packages and https",
        ),
        (
            b'# /// script\n# dependencies = ["zzone"]\n# [tool.uv]\n# find-links = ["/etc"]\n# ///\n',
            "names places with wheels",
        ),
        (None, "404"),
    ],
    ids=["http", "file", "circle", "large", "toml", "wheel", "git", "path", "links", "missing"],
)
def test_what_an_address_cannot_lead_to_or_ask_for(offline: Wenv, address: str, page: bytes | None, words: str) -> None:
    if page is not None:
        PAGES["/job.py"] = page
    said = offline.result("run", "--yes", f"{address}/job.py", status=125).stderr
    assert words in said
    assert "Traceback" not in said


def test_other_hosts_are_read_by_https_only(offline: Wenv) -> None:
    said = offline.result("run", "--yes", "http://example.invalid/job.py", status=125).stderr
    assert "only https addresses are read" in said


def test_no_build_code_runs_for_it_unless_it_is_named(offline: Wenv, wheels: Path, address: str) -> None:
    import io
    import tarfile

    (wheels / "zzone-1.0-py3-none-any.whl").unlink()
    setup = b"from setuptools import setup\nsetup(name='zzone', version='1.0', py_modules=['zzone'])\n"
    with tarfile.open(wheels / "zzone-1.0.tar.gz", "w:gz") as archive:
        for name, text in (
            ("setup.py", setup),
            ("zzone.py", b"version = 7\n"),
            ("PKG-INFO", b"Metadata-Version: 2.2\nName: zzone\nVersion: 1.0\n"),
        ):
            member = tarfile.TarInfo(f"zzone-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    PAGES["/job.py"] = script(offline.folder, ["zzone"], "import zzone; print(zzone.version)").read_bytes()
    assert "--build-only" in offline.result("run", "--yes", f"{address}/job.py", status=125).stderr
    del offline.environment["PIP_NO_INDEX"]  # for setuptools
    said = offline.result("run", "--yes", "--build-only", "zzone", f"{address}/job.py")
    assert (said.stdout, "its build code runs on this machine" in said.stderr) == ("7\n", True)


def test_standard_input_with_a_block_is_one_of_them(offline: Wenv) -> None:
    offline("create")
    text = script(offline.folder, ["zzone"], "import os, zzone; print(zzone.version, os.getcwd())").read_text()
    assert "--yes runs it" in offline.result("run", "-", stdin=text, status=125).stderr
    assert offline("run", "--yes", "-", stdin=text) == "1 /tmp\n"
    (offline.folder / "job.txt").write_text(text)
    with (offline.folder / "job.txt").open() as file:  # which can be read twice without a copy
        command = [sys.executable, "-P", "-m", "wenv", "run", "--yes", "-"]
        ran = subprocess.run(command, cwd=offline.folder, env=offline.environment, stdin=file, capture_output=True, text=True)
    assert ran.stdout == "1 /tmp\n"
    # without one it is a program like any other
    assert offline("run", "-", "a", stdin="import os, sys; print(os.getcwd(), sys.argv)") == f"{offline.folder} ['-', 'a']\n"


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal")
@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("\n", 125), ("n\n", 125)])
def test_a_person_is_asked(offline: Wenv, address: str, answer: str, status: int) -> None:
    PAGES["/job.py"] = b"print('it', 'ran')\n"
    import pty  # POSIX's

    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "wenv", "run", f"{address}/job.py"]
    process = subprocess.Popen(
        command, cwd=offline.folder, env=offline.environment, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True
    )
    os.write(ours, answer.encode())
    output, _ = process.communicate(timeout=300)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, output) == (status, "it ran\n" if status == 0 else "")


def test_a_block_is_changed_and_locked(offline: Wenv, wheels: Path) -> None:
    Wheel("zzone", "2.0", {"zzone.py": "version = 2\n"}).write(wheels)
    path = offline.folder / "job.py"
    path.write_bytes(b"#!/usr/bin/env -S wenv run\r\nimport zzone\r\nprint(zzone.version)\r\n")
    offline("add", "--script", "job.py", "zzone<2")
    assert path.read_bytes() == (
        b'#!/usr/bin/env -S wenv run\r\n# /// script\r\n# dependencies = [\r\n#     "zzone<2",\r\n# ]\r\n# ///\r\n\r\n'
        b"import zzone\r\nprint(zzone.version)\r\n"
    )
    assert offline("run", "job.py") == "1\n"
    offline("add", "--script", "job.py", "zzone")
    offline("lock", "--script", "job.py")
    assert offline("run", "job.py") == "2\n"
    Wheel("zzone", "3.0", {"zzone.py": "version = 3\n"}).write(wheels)
    assert "zzone-2.0" in (offline.folder / "pylock.job.toml").read_text()
    with path.open("a") as file:
        file.write("# another\r\n")
    assert offline("run", "job.py") == "2\n"
    (offline.folder / "pylock.job.toml").unlink()
    offline("drop", "--script", "job.py", "zzone")
    assert b"zzone" not in path.read_bytes().partition(b"# ///\r\n")[0]
    assert "zznone is not among the dependencies" in offline.result("drop", "--script", "job.py", "zznone", status=1).stderr
    assert "--script names what is locked" in offline.result("lock", "--script", "job.py", "zzone", status=2).stderr
