"""A real registry on this machine: pushed, pulled, pushed again, tampered with, interrupted; with and without a password."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Wenv, copy_runtime
from tests.helpers.wheel_builder import Wheel
from wenv.errors import UsageError
from wenv.runtimes import Runtime
from wenv.share.registry import Reference
from wenv_cache.store import Store

#: bcrypt of "secret", as htpasswd writes it.
HTPASSWD = "ada:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"


@dataclass
class Server:
    """A running docker-registry."""

    host: str
    data: Path
    process: "subprocess.Popen[bytes]"
    log: Path

    def requests(self, method: str) -> int:
        """How many requests with this method it has answered."""
        return self.log.read_text("utf-8", "replace").count(f'"{method} /v2/')

    def blob(self, digest: str) -> Path:
        """The file behind a blob."""
        return next(self.data.rglob(f"blobs/sha256/{digest[:2]}/{digest}/data"))


def serve(tmp_path: Path, password: bool) -> Iterator[Server]:
    program = shutil.which("docker-registry") or shutil.which("registry")
    if program is None:
        pytest.skip("no registry is installed: Debian's package docker-registry has one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    folder = tmp_path / f"registry{password:d}"
    folder.mkdir()
    (folder / "htpasswd").write_text(HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: here, path: {folder / 'htpasswd'}}}}}\n" if password else ""
    settings = f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\nhttp: {{addr: '{host}'}}\n{auth}"
    (folder / "config.yml").write_text(settings)
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=file, stderr=file)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield Server(host, folder / "data", process, log)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Server]:
    """A registry that everybody may use."""
    yield from serve(tmp_path, password=False)


@pytest.fixture
def closed_registry(tmp_path: Path) -> Iterator[Server]:
    """A registry that wants a password."""
    yield from serve(tmp_path, password=True)


@pytest.fixture
def lab(wenv: Wenv, wheels: Path) -> Wenv:
    """An environment called lab."""
    Wheel("zz_one", files={"zz_one.py": "x = 1\n", "zz_data/big.bin": os.urandom(300_000)}).write(wheels)
    Wheel("zz_two", files={"zz_two.py": "import zz_one\nx = zz_one.x + 1\n"}, requires=["zz-one"]).write(wheels)
    wenv("create", "-n", "lab", "zz-two", "--no-index", "--find-links", str(wheels))
    wenv.environment["DOCKER_CONFIG"] = str(wheels.parent / "no-docker")
    return wenv


@pytest.fixture
def other(lab: Wenv, tmp_path: Path, runtime: Runtime) -> Wenv:
    """Another user, with an empty store, the interpreter apart."""
    copy_runtime(runtime, Store(tmp_path / "other-cache"))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    places = {
        "WENV_CACHE_DIR": str(tmp_path / "other-cache"),
        "WENV_DATA_DIR": str(tmp_path / "other-data"),
        "PIP_NO_INDEX": "1",
    }
    return Wenv(folder, {**lab.environment, **places})


def test_push_and_pull(lab: Wenv, other: Wenv, registry: Server) -> None:
    where = f"{registry.host}/team/lab:1"
    first = lab.json("push", where, "-n", "lab")
    assert (first["sent"], first["present"]) == (3, 0)
    puts = registry.requests("PUT")
    second = lab.json("push", where, "-n", "lab")
    assert (second["sent"], second["present"], second["digest"]) == (0, 3, first["digest"])
    assert registry.requests("PUT") == puts + 1  # the manifest
    other("pull", where, "-n", "lab")
    assert other("run", "-n", "lab", "-c", "import zz_two; print(zz_two.x)") == "2\n"
    assert other.json("info", "-n", "lab")["snapshot"] == lab.json("info", "-n", "lab")["snapshot"]
    assert other.json("cache", "verify") == []
    gets = registry.requests("GET")
    other("pull", f"{registry.host}/team/lab@{first['digest']}", "-n", "again")
    assert registry.requests("GET") - gets == 3  # whether it is there, the manifest, the configuration: no layers
    assert other.json("diff", "lab", where)["packages"] == []
    lab("export", "-n", "lab", "-o", "lab.wenv")
    assert lab.json("info", "lab.wenv")["digest"] == first["digest"].removeprefix("sha256:")


def test_a_component_is_published_as_others_expect_it(lab: Wenv, registry: Server) -> None:
    (lab.folder / "app.wasm").write_bytes(b"\0asm\x0d\0\x01\0")
    said = lab.json("push", f"{registry.host}/tools/app", "app.wasm")
    request = urllib.request.Request(
        f"http://{registry.host}/v2/tools/app/manifests/latest",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    )
    with urllib.request.urlopen(request) as response:
        manifest = json.load(response)
    assert manifest["config"]["mediaType"] == "application/vnd.wasm.config.v0+json"
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/wasm"]
    lab("pull", f"{registry.host}/tools/app@{said['digest']}", "-o", "back.wasm")
    assert (lab.folder / "back.wasm").read_bytes() == (lab.folder / "app.wasm").read_bytes()
    assert "exists" in lab.result("pull", f"{registry.host}/tools/app", "-o", "back.wasm", status=2).stderr


def layers(wenv: Wenv, registry: Server, where: str) -> list[str]:
    """Digests of the blobs of an artifact's layers, in order."""
    wenv("push", f"{registry.host}/{where}", "-n", "lab", "-q")
    name, _, tag = where.rpartition(":")
    request = urllib.request.Request(
        f"http://{registry.host}/v2/{name}/manifests/{tag}", headers={"Accept": "application/vnd.oci.image.manifest.v1+json"}
    )
    with urllib.request.urlopen(request) as response:
        return [layer["digest"].removeprefix("sha256:") for layer in json.load(response)["layers"]]


def test_a_tampered_blob_is_refused(lab: Wenv, other: Wenv, registry: Server) -> None:
    blobs = layers(lab, registry, "team/lab:1")
    for number in range(3):
        path = registry.blob(blobs[number % len(blobs)])
        good = path.read_bytes()
        path.write_bytes((good[:-1] + b"?", good[: len(good) // 2], b"")[number])
        result = other.result("pull", f"{registry.host}/team/lab:1", "-n", f"bad{number}", status=1)
        assert "error" in result.stderr
        assert other.json("list") == []
        assert other.json("cache", "verify") == []
        path.write_bytes(good)
        other("cache", "prune")  # what was fetched whole before
    other("pull", f"{registry.host}/team/lab:1", "-n", "good")


def test_a_pull_that_was_interrupted_goes_on(lab: Wenv, other: Wenv, registry: Server) -> None:
    blobs = layers(lab, registry, "team/lab:1")
    hidden = registry.blob(blobs[1])
    hidden.rename(hidden.with_name("elsewhere"))  # the connection ends after the first layer
    other("pull", f"{registry.host}/team/lab:1", status=1)
    hidden.with_name("elsewhere").rename(hidden)
    before = registry.log.read_text()
    other("pull", f"{registry.host}/team/lab:1")
    asked = registry.log.read_text()[len(before) :]
    assert f"sha256:{blobs[1]}" in asked
    assert f"sha256:{blobs[0]}" not in asked
    assert other("run", "-c", "import zz_two; print(zz_two.x)") == "2\n"


def test_a_killed_push_and_a_killed_pull_are_repeated(lab: Wenv, other: Wenv, registry: Server) -> None:
    import sys

    where = f"{registry.host}/team/lab:1"
    for wenv, arguments in ((lab, ("push", where, "-n", "lab")), (other, ("pull", where, "-n", "lab"))):
        for moment in (0.3, 0.45, 0.6):
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "wenv", *arguments],
                cwd=wenv.folder,
                env=wenv.environment,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert wenv.json("cache", "verify") == []
        wenv(*arguments, *(("--clear",) if arguments[0] == "pull" else ()))
    assert other("run", "-n", "lab", "-c", "import zz_two; print(zz_two.x)") == "2\n"


def test_passwords_come_from_docker(lab: Wenv, other: Wenv, closed_registry: Server, tmp_path: Path) -> None:
    where = f"{closed_registry.host}/team/lab:1"
    assert "docker login" in lab.result("push", where, "-n", "lab", status=1).stderr
    folder = tmp_path / "docker"
    folder.mkdir()
    for wenv in (lab, other):
        wenv.environment["DOCKER_CONFIG"] = str(folder)
    wrong = base64.b64encode(b"ada:wrong").decode()
    (folder / "config.json").write_text(json.dumps({"auths": {closed_registry.host: {"auth": wrong}}}))
    assert "docker login" in lab.result("push", where, "-n", "lab", status=1).stderr
    right = base64.b64encode(b"ada:secret").decode()
    (folder / "config.json").write_text(json.dumps({"auths": {closed_registry.host: {"auth": right}}}))
    lab("push", where, "-n", "lab")
    if os.name == "posix":  # a credential helper, as Docker's own look
        helper = folder / "docker-credential-zz"
        helper.write_text('#!/bin/sh\ncat >/dev/null\necho \'{"Username":"ada","Secret":"secret"}\'\n')
        helper.chmod(0o755)
        other.environment["PATH"] = f"{folder}{os.pathsep}{other.environment['PATH']}"
        (folder / "config.json").write_text(json.dumps({"credHelpers": {closed_registry.host: "zz"}}))
    other("pull", where, "-n", "lab")
    assert other("run", "-n", "lab", "-c", "import zz_two; print(zz_two.x)") == "2\n"


def test_mistakes(lab: Wenv, registry: Server) -> None:
    assert "is not there" in lab.result("pull", f"{registry.host}/team/no:1", status=1).stderr
    registry.process.kill()
    registry.process.wait()
    assert "does not answer" in lab.result("pull", f"{registry.host}/team/lab:1", status=1).stderr
    assert "does not answer" in lab.result("push", f"{registry.host}/team/lab:1", "-n", "lab", status=1).stderr


def test_addresses() -> None:
    digest = "sha256:" + "a" * 64
    for text, expected in (
        ("localhost:5000/lab", ("localhost:5000", "lab", "latest", None)),
        ("localhost/a/b-c/d_e:1.0", ("localhost", "a/b-c/d_e", "1.0", None)),
        (f"registry.example/x@{digest}", ("registry.example", "x", "latest", digest)),
        ("[::1]:5000/x:y", ("[::1]:5000", "x", "y", None)),
    ):
        found = Reference.parse(text)
        assert (found.host, found.name, found.tag, found.digest) == expected
    assert Reference.parse("127.0.0.1:1/x").is_local
    assert not Reference.parse("registry.example/x").is_local
    for wrong in (
        "lab",
        "lab:1",
        "Upper/x",
        "localhost/",
        "localhost/A",
        "../a/b.wenv",
        "localhost/x@sha256:1",
        "http://localhost/x",
        "",
    ):
        with pytest.raises(UsageError):
            Reference.parse(wrong)
